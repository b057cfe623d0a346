[Application]
Executable=/usr/bin/vim
[Network]
Profile=offline
