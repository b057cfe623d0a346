[Application]
Executable=/usr/bin/a5
[Network]
Profile=online
