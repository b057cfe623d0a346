[Application]
Executable=/usr/inherit
Children=inherit
[Network]
Profile=local
Allow=loopback;192.0.2.1
