[Application]
Executable=/usr/program
[Network]
Profile=offline
