[Application]
Executable=/usr/one
[Network]
Profile=offline
Allow=192.0.2.0/24
