[Application]
Executable=/usr/bin/loc
[Network]
Profile=local
