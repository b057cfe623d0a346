[Application]
Executable=/usr/bin/curl
[Network]
Profile=local
