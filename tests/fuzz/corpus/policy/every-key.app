# remark
[Application]
Name=Firefox é
Executable=/usr/lib/firefox;/opt/a\;b/*/bin;
Children = own

[Network]
Profile=offline
Allow=loopback;shared;cloud-metadata;198.51.100.7:443/tcp
Until=2026-11-22T20:00:00Z
Then=online
[Note]
Reason=only\nthe\sintranet
Ticket=4711
