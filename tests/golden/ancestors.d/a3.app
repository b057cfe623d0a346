[Application]
Executable=/usr/bin/a3
[Network]
Profile=online
