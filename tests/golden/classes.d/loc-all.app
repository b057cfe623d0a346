[Application]
Executable=/usr/bin/loc-all
[Network]
Profile=local
Allow=loopback;shared;cloud-metadata
