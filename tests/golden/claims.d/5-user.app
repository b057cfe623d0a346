[Application]
Executable=/home/equal
[Network]
Profile=local
