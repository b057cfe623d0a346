[Application]
Executable=/usr/bin/vi2;/usr/bin/d
[Network]
Profile=online
