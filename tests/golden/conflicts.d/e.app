[Application]
Executable=/opt/e1;/opt/e2
[Network]
Profile=online
