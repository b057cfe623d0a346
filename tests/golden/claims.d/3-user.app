[Application]
Executable=/home/own
Children=own
[Network]
Profile=local
