[Application]
Name=\s\\ a\s
Executable=/a b/\;\\*\s;
[Network]
Profile=online
[Note]
Reason=\t\n\r
