[Application]
Executable=/usr/bin/vim;/usr/bin/c
[Network]
Profile=online
