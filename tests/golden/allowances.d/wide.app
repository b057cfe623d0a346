[Application]
Executable=/usr/bin/wide;/opt/*/wide
[Network]
Profile=local
Allow=0.0.0.0/0
