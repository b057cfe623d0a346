[Application]
Executable=/usr/bin/a7
[Network]
Profile=online
