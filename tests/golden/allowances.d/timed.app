[Application]
Executable=/usr/bin/timed
[Network]
Profile=offline
Allow=192.0.2.1
Until=2026-11-22T20:00:00Z
Then=online
[Note]
Reason=a while
