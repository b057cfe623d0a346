[Application]
Executable=/usr/equal
[Network]
Profile=local
