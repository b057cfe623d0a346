[Application]
Executable=/usr/bin/bad
[Network]
Profile=sometimes
