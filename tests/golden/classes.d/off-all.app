[Application]
Executable=/usr/bin/off-all
[Network]
Profile=offline
Allow=loopback;shared;cloud-metadata
