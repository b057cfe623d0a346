[Application]
Package=x
