[Application]
Executable=/usr/bin/a6
[Network]
Profile=online
