[Application]
Executable=/etc/tool
[Network]
Profile=online
