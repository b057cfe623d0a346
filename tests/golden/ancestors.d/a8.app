[Application]
Executable=/usr/bin/a8
[Network]
Profile=online
