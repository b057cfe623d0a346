[Application]
Executable=/usr/bin/on
[Network]
Profile=online
