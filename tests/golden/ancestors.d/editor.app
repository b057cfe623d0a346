[Application]
Executable=/usr/bin/editor
[Network]
Profile=offline
