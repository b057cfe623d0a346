[Application]
Executable=/usr/bin/a1
[Network]
Profile=online
