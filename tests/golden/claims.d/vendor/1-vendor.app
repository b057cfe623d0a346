[Application]
Executable=/usr/tool
[Network]
Profile=offline
