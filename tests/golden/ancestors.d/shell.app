[Application]
Executable=/bin/sh
[Network]
Profile=local
