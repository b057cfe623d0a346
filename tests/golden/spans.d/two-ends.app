[Application]
Executable=/usr/bin/vim
[Network]
Profile=offline
Until=2026-11-22T20:00:00Z
While=boot 0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d
