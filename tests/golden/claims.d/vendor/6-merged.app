[Application]
Executable=/usr/merged
[Network]
Profile=offline
