[Application]
Executable=/a
Executable=/b
