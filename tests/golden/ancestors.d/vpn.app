[Application]
Executable=/usr/bin/vpn
[Network]
Profile=offline
Allow=203.0.113.1
