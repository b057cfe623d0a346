[Application]
Executable=/usr/bin/browser
[Network]
Profile=online
