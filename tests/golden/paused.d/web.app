[Application]
Executable=/usr/bin/web
[Network]
Profile=online
