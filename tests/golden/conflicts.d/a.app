[Application]
Executable=/usr/bin/vi
[Network]
Profile=local
