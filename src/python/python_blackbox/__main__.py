# SPDX-License-Identifier: MIT
"""python3 -m python_blackbox: see _wrapper.py. Nothing may stand after the call: by then this namespace is the program's."""

from python_blackbox._wrapper import main

main()
