[Application]
Executable=/usr/merged
[Network]
Profile=online
