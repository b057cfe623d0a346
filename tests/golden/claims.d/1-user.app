[Application]
Executable=/home/tool
[Network]
Profile=offline
