[Application]
Executable=/usr/bin/game
[Network]
Profile=offline
While=running 0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d 123456
