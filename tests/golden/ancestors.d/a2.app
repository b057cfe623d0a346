[Application]
Executable=/usr/bin/a2
[Network]
Profile=online
