[Application]
Executable=/usr/bin/curl
[Network]
Profile=online
While=boot 0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d
Then=offline
