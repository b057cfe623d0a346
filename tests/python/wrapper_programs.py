# SPDX-License-Identifier: MIT
"""Small programs, each of which could tell that it is wrapped in some way of its own: for wrapper.py."""

FILES = {
    "where.py": """
import sys, os
print(__name__, __file__, __package__, __spec__, __doc__, __cached__, type(__builtins__), __annotations__)
print(type(__loader__).__name__)
print(__loader__.name, __loader__.path, sys.argv, sys.path, os.getcwd(), list(globals()), sorted(vars(sys.modules["__main__"])))
print(sys.flags, sys.warnoptions, sys._xoptions, getattr(sys, "orig_argv", None), sys.executable)
""",
    "nosite.py": "import sys\nprint(sys.path[0], sys.argv)\n",
    "beside.py": "import where_helper\nprint(where_helper.__file__)\n",
    "where_helper.py": "",
    "raise.py": """
def first():
    raise ValueError("one")
def second():
    try:
        first()
    except ValueError as error:
        raise RuntimeError("two") from error
def third():
    try:
        second()
    except RuntimeError:
        raise KeyError("three")
print("out")
third()
""",
    "syntax.py": "def f(:\n    pass\n",
    "indent.py": "if 1:\n    a = 1\n  b = 2\n",
    "latin.py": b"# caf\xe9\nprint('x')\n",
    "cookie.py": b"# -*- coding: latin-1 -*-\nprint(ascii('caf\xe9'))\n",
    "bom.py": b"\xef\xbb\xbfprint('bom')\n",
    "nul.py": b"print(1)\n\0\nprint(2)\n",
    "empty.py": "",
    "noend.py": "import sys\nprint('x')  # no newline at the end",
    "future.py": """
from __future__ import annotations
x: nonsense = 1
print(__annotations__)
print(eval('lambda: 0').__code__.co_flags)
""",
    "exit.py": "import sys\ncode = sys.argv[1]\nprint('out')\nsys.exit(eval(code))\n",
    "underscore_exit.py": "import os, atexit\natexit.register(print, 'never')\nos._exit(7)\n",
    "atexit.py": """
import atexit, sys, threading
atexit.register(lambda: print("last", "__file__" in globals(), sys.argv))
@atexit.register
def wrong():
    raise ValueError("in atexit")
threading.Thread(target=lambda: (threading.main_thread().join(), print("thread", "__file__" in globals()))).start()
if len(sys.argv) > 1:
    sys.exit(int(sys.argv[1]))
""",
    "interrupt.py": """
import signal, sys
try:
    signal.raise_signal(signal.SIGINT)
finally:
    print('finally', flush=True)
""",
    "interrupt_sub.py": "class Mine(KeyboardInterrupt): pass\nraise Mine('mine')\n",
    "caught.py": """
import signal
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print('caught')
raise SystemExit(5)
""",
    "handler.py": """
import signal, sys
signal.signal(signal.SIGTERM, lambda n, f: sys.exit(f'{n} {f.f_lineno} {f.f_back}'))
signal.raise_signal(signal.SIGTERM)
""",
    "die.py": """
import os, signal, sys
print('x', flush=True)
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
signal.pause()
""",
    "pipe.py": "import sys\nfor i in range(100000):\n    print('x' * 100)\n",
    "pipe_late.py": "print('x')\n",
    "sigpipe.py": "import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: print('x' * 100)\n",
    "hook.py": """
import sys, traceback
def hook(type, value, tb):
    print("hook", type.__name__, value, [f.name for f in traceback.extract_tb(tb)], traceback.extract_stack()[:-1] and "below")
    if len(sys.argv) > 1:
        sys.exit(int(sys.argv[1]))
    1 / 0
sys.excepthook = hook
def f():
    raise ValueError("v")
f()
""",
    "nohook.py": "import sys\ndel sys.excepthook\nraise ValueError('v')\n",
    "threads.py": """
import threading, sys
def work():
    raise ValueError("in a thread")
t = threading.Thread(target=work, name="worker"); t.start(); t.join()
print(threading.current_thread(), threading.main_thread().ident == threading.get_ident(), threading.active_count())
""",
    "stack.py": """
import inspect, sys, traceback, warnings, faulthandler
warnings.warn("one"); warnings.warn("two", stacklevel=2); warnings.warn("three", DeprecationWarning, stacklevel=5)
print(len(inspect.stack()), sys._getframe().f_back, len(sys._current_frames()))
traceback.print_stack()
faulthandler.dump_traceback()
def deep(n):
    try:
        return deep(n + 1)
    except RecursionError:
        return n
print(deep(0))
sys.setrecursionlimit(300)
print(deep(0))
def endless(): endless()
endless()
""",
    "pickled.py": """
import pickle, sys
class Point:
    x = 1
def function(): pass
print(pickle.loads(pickle.dumps(Point())).x, pickle.loads(pickle.dumps(function)) is function, Point, function.__module__)
print(sys.modules["__main__"].Point is Point, Point.__module__)
""",
    "spawned.py": """
import multiprocessing, sys
class Thing:
    def __init__(self, n): self.n = n
def work(thing):
    print("in the child:", __name__, type(thing).__name__, thing.n, flush=True)
if __name__ == "__main__":
    for how in ("fork", "spawn"):
        process = multiprocessing.get_context(how).Process(target=work, args=(Thing(3),))
        process.start(); process.join()
        print(how, process.exitcode, flush=True)
""",
    "forked.py": """
import os, sys
sys.stdout.flush()
if os.fork() == 0:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]))
""",
    "reads.py": "import sys\nprint(sys.stdin.read().upper(), sys.stdin.encoding, sys.stdin.errors, input.__module__)\n",
    "inputs.py": "print(input('> ') + '!')\nprint(input())\n",
    "closed.py": "import os, sys\nprint(sorted(int(f) for f in os.listdir('/proc/self/fd')))\n",
    "gc_order.py": """
import weakref
class Noisy:
    def __init__(self, name): self.name = name
    def __del__(self): print("del", self.name)
a = Noisy("a")
def f():
    b = Noisy("b")
    raise ValueError("v")
weakref.finalize(a, print, "finalized")
f()
""",
    "async_main.py": """
import asyncio
async def inner():
    await asyncio.sleep(0)
    raise LookupError("in a task")
async def main():
    print(await asyncio.gather(inner(), return_exceptions=True))
    await asyncio.create_task(inner(), name="t")
asyncio.run(main())
""",
    "exec_again.py": """
import os, sys
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, __file__, 'again'])
print(sys.argv)
""",
    "runs.py": """
import runpy, sys
print(runpy.run_path('where_helper.py')['__name__'])
print(__name__)
import __main__
print(__main__.__file__)
""",
    "group.py": """
import sys
if sys.version_info < (3, 11): raise ValueError
raise ExceptionGroup('g', [ValueError(1), TypeError(2)])
""",
    "context.py": """
import contextvars, gc, sys
print(len(contextvars.copy_context()), sys.exc_info(), gc.get_threshold(), sys.gettrace(), sys.getprofile())
""",
    "traced.py": """
import sys
seen = []
def trace(frame, event, argument):
    seen.append((frame.f_code.co_name, event)); return trace
sys.settrace(trace)
def f(): return 1
f()
sys.settrace(None)
print(seen)
""",
    "deleted.py": "import sys\ndel sys.modules['__main__']\nprint('still here')\nraise ValueError\n",
    "pkg/__init__.py": "print('init', __name__)\n",
    "pkg/__main__.py": """
import sys
print(__name__, __package__, __spec__.name, sys.argv, sys.path[0], __file__)
from . import part
""",
    "pkg/part.py": "import sys\nprint(__name__, sys._getframe().f_back is not None)\n1 / 0\n",
    "pkg/exits.py": "import sys\nsys.exit('said')\n",
    "pkg/interrupted.py": "raise KeyboardInterrupt\n",
    "folder/__main__.py": """
import sys
print(__name__, repr(__package__), __spec__, sys.argv, sys.path[0], __file__)
import inner
""",
    "folder/inner.py": "raise ValueError('in a folder')\n",
    "nomain/x.py": "",
}

# What is told of a program, its words, and how else it is run: stdin=bytes, closed_stdout, merged (both outputs in one), options.
PROGRAMS = [
    ("a script sees itself, its arguments and its folder", ["where.py", "a", "--", "-m", "b"], {}),
    ("a script under ./", ["./where.py"], {}),
    ("a script under ../", ["../work/where.py"], {}),
    ("a script by its whole path", ["{folder}/where.py"], {}),
    ("a script behind a link has the real folder in sys.path", ["links/link.py"], {}),
    ("what lies beside a linked script is found", ["links/beside_link.py"], {}),
    ("options of Python before -m", ["where.py", "a"], {"options": ["-O", "-X", "dev", "-W", "error", "-B", "-s"]}),
    ("-I", ["nosite.py", "a"], {"options": ["-I"], "isolated": True}),
    ("an empty script", ["empty.py"], {}),
    ("a script without a last newline", ["noend.py"], {}),
    ("a traceback with causes", ["raise.py"], {}),
    ("a traceback between the output's lines", ["raise.py"], {"merged": True}),
    ("a syntax error", ["syntax.py"], {}),
    ("a wrong indent", ["indent.py"], {}),
    ("a script that is not UTF-8", ["latin.py"], {}),
    ("a script with an encoding of its own", ["cookie.py"], {}),
    ("a script with a byte order mark", ["bom.py"], {}),
    ("a script with a NUL", ["nul.py"], {}),
    ("a future statement", ["future.py"], {}),
    ("a script that is not there", ["nowhere.py"], {}),
    ("a folder without __main__", ["nomain"], {}),
    ("sys.exit()", ["exit.py", "None"], {}),
    ("sys.exit(0)", ["exit.py", "0"], {}),
    ("sys.exit(3)", ["exit.py", "3"], {}),
    ("sys.exit(-1)", ["exit.py", "-1"], {}),
    ("sys.exit(256 + 4)", ["exit.py", "260"], {}),
    ("sys.exit(True)", ["exit.py", "True"], {}),
    ("sys.exit() with a text", ["exit.py", "'text'"], {"merged": True}),
    ("sys.exit() with an object", ["exit.py", "[1, 2]"], {}),
    ("os._exit()", ["underscore_exit.py"], {}),
    ("functions at exit, and threads that end later", ["atexit.py"], {}),
    ("functions at exit after sys.exit()", ["atexit.py", "4"], {}),
    ("a KeyboardInterrupt ends by SIGINT", ["interrupt.py"], {}),
    ("a class of its own under KeyboardInterrupt", ["interrupt_sub.py"], {}),
    ("a KeyboardInterrupt that is caught", ["caught.py"], {}),
    ("a handler of SIGTERM", ["handler.py"], {}),
    ("an end by SIGTERM", ["die.py", "SIGTERM"], {}),
    ("an end by SIGKILL", ["die.py", "SIGKILL"], {}),
    ("a reader that has gone", ["pipe.py"], {"closed_stdout": True}),
    ("a reader that has gone, noticed at the end", ["pipe_late.py"], {"closed_stdout": True}),
    ("SIGPIPE by its default", ["sigpipe.py"], {"closed_stdout": True}),
    ("an excepthook, and one that fails", ["hook.py"], {}),
    ("an excepthook that exits", ["hook.py", "9"], {}),
    ("no excepthook", ["nohook.py"], {}),
    ("an exception in a thread", ["threads.py"], {}),
    ("the stack ends at the script: warnings, recursion", ["stack.py"], {}),
    ("classes of __main__ are pickled", ["pickled.py"], {}),
    ("multiprocessing, forked and spawned", ["spawned.py"], {}),
    ("a child that forks off", ["forked.py"], {}),
    ("standard input", ["reads.py"], {"stdin": b"typed"}),
    ("input()", ["inputs.py"], {"stdin": b"one\ntwo\n"}),
    ("descriptors", ["closed.py"], {}),
    ("the order in which objects go", ["gc_order.py"], {}),
    ("asyncio", ["async_main.py"], {}),
    ("a program that starts itself again", ["exec_again.py"], {}),
    ("runpy inside", ["runs.py"], {}),
    ("a group of exceptions", ["group.py"], {}),
    ("the state that a program begins with", ["context.py"], {}),
    ("sys.settrace", ["traced.py"], {}),
    ("a program that takes __main__ away", ["deleted.py"], {}),
    ("-m a package", ["-m", "pkg", "a", "-x"], {}),
    ("-m a package, written in one", ["-mpkg", "a"], {}),
    ("-m a module that exits with a text", ["-m", "pkg.exits"], {}),
    ("-m a module that is interrupted", ["-m", "pkg.interrupted"], {}),
    ("-m a module that is not there", ["-m", "nowhere"], {}),
    ("-m a package without __main__", ["-m", "json"], {}),
    ("-m a module of the library", ["-m", "json.tool"], {"stdin": b'{"a":1}'}),
    ("-m unittest", ["-m", "unittest", "nowhere"], {}),
    ("a folder with __main__", ["folder", "a"], {}),
    ("an archive with __main__", ["archive.zip", "a"], {}),
    ("-c", ["-c", "import sys; print(sys.argv, sys.path[0], list(globals()), __spec__)", "a", "-b"], {}),
    ("-c that fails", ["-c", "def f():\n    1/0\nf()"], {"merged": True}),
    ("-c with a syntax error", ["-c", "f("], {}),
    ("-c that is interrupted", ["-c", "raise KeyboardInterrupt"], {}),
    ("-c that exits", ["-c", "raise SystemExit(4)"], {}),
    ("- from standard input", ["-", "a"], {"stdin": b"import sys\nprint(sys.argv, sys.path[0], __file__, __loader__)\n1/0\n"}),
    ("- from standard input with input()", ["-"], {"stdin": b"try:\n    print(input())\nexcept EOFError:\n    print('end')\n"}),
    ("a compiled script", ["compiled.pyc", "a"], {}),
    ("a compiled script of another name", ["compiled.other"], {}),
    ("a compiled script of another Python", ["foreign.pyc"], {}),
]
