[Network]
Allow=10.0.0.0/8;[2001:db8::/32]:1-65535/udp;::ffff:1.2.3.4;2000::/3;192.0.2.1/udp
Profile=online
[Application]
Executable=/a
