[Application]
Executable=/home/two
[Network]
Profile=offline
Allow=loopback;192.0.2.1
