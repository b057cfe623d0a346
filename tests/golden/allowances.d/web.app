[Application]
Executable=/usr/bin/web
[Network]
Profile=offline
Allow=198.51.100.7:443/tcp;192.0.2.0/24:8000-8080;2001:db8::/32/udp;[2001:db8:9::1]:53
