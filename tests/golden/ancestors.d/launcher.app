[Application]
Executable=/usr/bin/launcher
Children=own
[Network]
Profile=offline
