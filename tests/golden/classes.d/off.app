[Application]
Executable=/usr/bin/off
[Network]
Profile=offline
