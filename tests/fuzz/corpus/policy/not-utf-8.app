[Application]
Name=ÿ
