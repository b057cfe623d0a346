[Application]
Executable=/home/link
[Network]
Profile=online
