[Application]
Executable=/usr/bin/a4
[Network]
Profile=online
