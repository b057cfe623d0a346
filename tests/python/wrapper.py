#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python3 -m python_blackbox: programs run as without it, on each interpreter that the package was built for; they are blocked;
what they tried is written down. Traffic: loopback. TAP."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "netns"))
from tap import Skip, Tap, expect, expect_equal, skip_all  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get("NETGUARD_BUILD", os.path.join(HERE, "..", "..", "build"))
PACKAGE = os.environ.get("PYTHON_BLACKBOX_IMPORT", os.path.join(BUILD, "src", "python", "import"))
CANDIDATES = ["/usr/bin/python3", "/usr/bin/python3-dbg", *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))]
TIMEOUT = 60


def interpreters():
    """Those with an extension in the package; of two with the same name for it, the first."""
    found = {}
    for path in CANDIDATES:
        if os.path.exists(path):
            suffix = subprocess.run([path, "-Sc", "from importlib.machinery import EXTENSION_SUFFIXES as s; print(s[0])"], check=False,
                                    stdout=subprocess.PIPE, text=True).stdout.strip()
            if suffix and os.path.exists(os.path.join(PACKAGE, "python_blackbox", "_core" + suffix)):
                found.setdefault(suffix, path)
    return list(found.values())


PYTHONS = interpreters()
if not PYTHONS:
    skip_all(f"no interpreter has an extension in {PACKAGE}")
PYTHON = PYTHONS[0]
WRAPPER = ("-m", "python_blackbox")

FILES = {
    "where.py": """
import sys, os
print(__name__, __file__, __package__, __spec__, __doc__, __cached__, type(__builtins__), __annotations__, type(__loader__).__name__)
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
    "future.py": "from __future__ import annotations\nx: nonsense = 1\nprint(__annotations__)\nprint(eval('lambda: 0').__code__.co_flags)\n",
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
    "interrupt.py": "import signal, sys\ntry:\n    signal.raise_signal(signal.SIGINT)\nfinally:\n    print('finally', flush=True)\n",
    "interrupt_sub.py": "class Mine(KeyboardInterrupt): pass\nraise Mine('mine')\n",
    "caught.py": "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    print('caught')\nraise SystemExit(5)\n",
    "handler.py": "import signal, sys\nsignal.signal(signal.SIGTERM, lambda n, f: sys.exit(f'{n} {f.f_lineno} {f.f_back}'))\n"
                  "signal.raise_signal(signal.SIGTERM)\n",
    "die.py": "import os, signal, sys\nprint('x', flush=True)\nos.kill(os.getpid(), getattr(signal, sys.argv[1]))\nsignal.pause()\n",
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
    "exec_again.py": "import os, sys\nif len(sys.argv) == 1:\n    sys.stdout.flush()\n    os.execv(sys.executable, [sys.executable, __file__, 'again'])\n"
                     "print(sys.argv)\n",
    "runs.py": "import runpy, sys\nprint(runpy.run_path('where_helper.py')['__name__'])\nprint(__name__)\nimport __main__\nprint(__main__.__file__)\n",
    "group.py": "import sys\nif sys.version_info < (3, 11): raise ValueError\nraise ExceptionGroup('g', [ValueError(1), TypeError(2)])\n",
    "context.py": "import contextvars, gc, sys\nprint(len(contextvars.copy_context()), sys.exc_info(), gc.get_threshold(), sys.gettrace(), sys.getprofile())\n",
    "traced.py": "import sys\nseen = []\ndef trace(f, e, a):\n    seen.append((f.f_code.co_name, e)); return trace\nsys.settrace(trace)\n"
                 "def f(): return 1\nf()\nsys.settrace(None)\nprint(seen)\n",
    "deleted.py": "import sys\ndel sys.modules['__main__']\nprint('still here')\nraise ValueError\n",
    "pkg/__init__.py": "print('init', __name__)\n",
    "pkg/__main__.py": "import sys\nprint(__name__, __package__, __spec__.name, sys.argv, sys.path[0], __file__)\nfrom . import part\n",
    "pkg/part.py": "import sys\nprint(__name__, sys._getframe().f_back is not None)\n1 / 0\n",
    "pkg/exits.py": "import sys\nsys.exit('said')\n",
    "pkg/interrupted.py": "raise KeyboardInterrupt\n",
    "folder/__main__.py": "import sys\nprint(__name__, repr(__package__), __spec__, sys.argv, sys.path[0], __file__)\nimport inner\n",
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
    ("multiprocessing, forked and spawned", ["spawned.py"], {"wrapper": ["--subprocess", "allow"]}),
    ("a child that forks off", ["forked.py"], {}),
    ("standard input", ["reads.py"], {"stdin": b"typed"}),
    ("input()", ["inputs.py"], {"stdin": b"one\ntwo\n"}),
    ("descriptors", ["closed.py"], {}),
    ("the order in which objects go", ["gc_order.py"], {}),
    ("asyncio", ["async_main.py"], {}),
    ("a program that starts itself again", ["exec_again.py"], {"wrapper": ["--subprocess", "allow"]}),
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
    ("-m unittest", ["-m", "unittest", "nowhere"], {"wants": None}),
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


class Work:
    """A folder with the programs, for one interpreter."""

    def __init__(self, python):
        self.python = python
        self.top = tempfile.mkdtemp(prefix="blackbox-")
        self.folder = os.path.join(self.top, "work")
        for name, text in FILES.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.lstrip("\n").encode())
        os.mkdir(self.path("links"))
        os.symlink("../where.py", self.path("links/link.py"))
        os.symlink("../beside.py", self.path("links/beside_link.py"))
        with zipfile.ZipFile(self.path("archive.zip"), "w") as archive:
            for name in ("__main__.py", "inner.py"):
                archive.write(self.path("folder", name), name)
        subprocess.run([python, "-c", "import py_compile as p; p.compile('raise.py', 'compiled.pyc'); p.compile('raise.py', 'compiled.other')"],
                       cwd=self.folder, check=True)
        with open(self.path("foreign.pyc"), "wb") as file:
            file.write(b"\x01\x02\r\n" + bytes(40))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def environment(self, **extra):
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return dict(env, PYTHONPATH=PACKAGE, PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8", **extra)

    def start(self, words, before=(), options=(), env=None, **how):
        """The interpreter with its options, what is put before the program, the program."""
        words = [word.format(folder=self.folder) if word.startswith("{") else word for word in words]
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.Popen([self.python, *options, *before, *words], cwd=self.folder, env=self.environment(**(env or {})), **how)

    def run(self, words, before=(), stdin=b"", closed_stdout=False, merged=False, **how):
        """(status, output, errors), addresses left out."""
        how["stdin"] = subprocess.PIPE
        how["stderr"] = subprocess.STDOUT if merged else subprocess.PIPE
        if closed_stdout:
            reader, how["stdout"] = os.pipe()
            os.close(reader)
        process = self.start(words, before, **how)
        if closed_stdout:
            os.close(how["stdout"])
        out, err = process.communicate(stdin, timeout=TIMEOUT)
        return process.returncode, *(re.sub(r"0x[0-9a-f]+|\b\d{15}\b", "0x", (text or b"").decode("utf-8", "replace")) for text in (out, err))

    def wrapped(self, words, *options, **how):
        """The same in the wrapper."""
        return self.run(words, before=[*WRAPPER, *options, "--"], **how)


def name_of(python):
    return subprocess.run([python, "-Sc", "import sys; print(sys.version.split()[0] + getattr(sys, 'abiflags', ''))"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def difference(plain, wrapped):
    for what, one, other in zip(("status", "output", "errors"), plain, wrapped):
        if one != other:
            return f"{what}:\n  without {one!r}\n  with    {other!r}"
    return None


def both(work, words, how):
    how = dict(how)
    options = how.pop("wrapper", [])
    how.pop("wants", None)
    if how.pop("isolated", False):  # -I ignores PYTHONPATH: the package is found by -c instead
        launcher = f"import sys; sys.path.append({PACKAGE!r}); import runpy; sys.argv[1:1] = []; runpy._run_module_as_main('python_blackbox')"
        own = how.pop("options")
        return (work.run(words, options=own, **how),
                work.run(words, before=["-c", launcher, "--"], options=own, **how))
    return work.run(words, **how), work.wrapped(words, *options, **how)


def runpy_instead(work, words, how):
    """A wrapper as one would write it in Python: what the comparison is a test of."""
    how = {name: value for name, value in how.items() if name not in ("wrapper", "wants", "isolated")}
    text = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return work.run(words, before=["-c", text], **how)


def compare(tap, works):
    for name, words, how in PROGRAMS:
        with tap.point(f"as without the wrapper: {name}"):
            found = []
            for work in works:
                told = difference(*both(work, words, how))
                if told:
                    found.append(f"{work.name}: {told}")
            expect(not found, "\n".join(found))
    with tap.point("the comparison finds a wrapper out that is written in Python"):
        scripts = [(words, how) for _, words, how in PROGRAMS if words[0].endswith(".py")]
        found = sum(both(works[0], words, how)[0] != runpy_instead(works[0], words, how) for words, how in scripts)
        tap.note(f"{found} of {len(scripts)} scripts differ there")
        expect(found >= 10, f"only {found}")


# --- the command line ---

def command_line(tap, work):
    def refused(words, *texts, status=2, **how):
        code, out, err = work.run(words, before=WRAPPER, **how)
        expect_equal((code, out), (status, ""), err)
        for text in texts:
            expect(text in err, f"{text!r} is not in {err!r}")
        expect("Traceback" not in err, err)

    with tap.point("a wrong command line is refused with what is wrong, and the program is not started"):
        refused([], "There is no program")
        refused(["--"], "There is no program")
        refused(["--nonsense", "where.py"], "There is no option --nonsense")
        refused(["--profile", "loud", "where.py"], '--profile "loud": write offline or local')
        refused(["--profile=online", "where.py"], "write offline or local")
        refused(["--profile"], "--profile needs a profile")
        refused(["--subprocess", "x", "where.py"], "write confine or refuse or allow")
        refused(["--allow", "--", "where.py"], "--allow needs a host")
        refused(["--allow=", "where.py"], "--allow needs a host")
        refused(["--allow", "exa!mple", "where.py"], "--allow", "exa!mple")
        refused(["--", "-O", "where.py"], "-O is an option of Python")
        refused(["-m"], "-m needs the name of a module")
        refused(["-X", "dev", "where.py"], "There is no option -X")
    with tap.point("a log or a folder that cannot be had is refused before the program starts"):
        for option, place, text in (("--log", "/nowhere/x", "No such file"), ("--log", work.folder, "Is a directory"),
                                    ("--log-dir", "/nowhere", "No such file"), ("--log-dir", work.path("where.py"), "Not a directory")):
            refused([option, place, "where.py"], f'{option} "{place}": {text}')
    with tap.point("help names each option"):
        code, out, err = work.run(["--help"], before=WRAPPER)
        expect_equal((code, err), (0, ""), "status and errors")
        for option in ("--profile", "--allow", "--strict", "--subprocess", "--log", "--log-dir", "--help"):
            expect(re.search(rf"^  (-\w, )?{option}\b", out, re.M), f"no {option} in {out}")
    with tap.point("options end at the first word that is none"):
        for before in ([*WRAPPER], [*WRAPPER, "--profile=local", "--allow", "example.org"]):
            expect_equal(work.run(["nosite.py", "--profile", "-h"], before=before)[:2], (0, f"{work.folder} ['nosite.py', '--profile', '-h']\n"), "run")


# --- blocking ---

CONNECT = """
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        print(connection.recv(5).decode())
except OSError as error:
    print(type(error).__name__)
    sys.exit(9)
"""


class Server:
    """Says hello to whoever comes; counts."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])

    def hears(self, run):
        """(the result of `run`, did someone come?)"""
        self.listener.settimeout(None)
        pid = os.fork()
        if pid == 0:
            try:
                while True:
                    connection, _ = self.listener.accept()
                    connection.sendall(b"hello")
                    connection.close()
            finally:
                os._exit(1)
        try:
            return run()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def blocking(tap, work):
    server = Server()
    with open(work.path("connect.py"), "w", encoding="utf-8") as file:
        file.write(CONNECT)

    def run(*options, words=("connect.py",), env=None):
        before = [*WRAPPER, *options, "--"] if options != ("plain",) else []
        return server.hears(lambda: work.run([*words, server.port], before=before, env=env))[:2]

    refused, reached = (9, "NetworkBlockedError\n"), (0, "hello\n")
    with tap.point("without the wrapper the server is reached", blocks=False):
        expect_equal(run("plain"), reached, "plain")
    with tap.point("offline, this machine's server is not reached"):
        expect_equal(run("--profile", "offline"), refused, "offline")
    with tap.point("it is also blocked where importing the package does not block", blocks=False):
        expect_equal(run("--profile", "offline", env={"PYTHON_BLACKBOX_NOAUTO": "1"}), refused, "offline")
    with tap.point("with --allow it is reached, with another port it is not"):
        expect_equal(run("--allow", "127.0.0.1"), reached, "--allow 127.0.0.1")
        expect_equal(run("--allow", f"127.0.0.1:{server.port}/tcp"), reached, "--allow with the port")
        expect_equal(run("--allow", f"127.0.0.1:{int(server.port) ^ 1}/tcp"), refused, "--allow with another port")
    with tap.point("with --profile local it is reached"):
        expect_equal(run("--profile", "local"), reached, "local")
    with tap.point("a module, -c and standard input are blocked likewise"):
        expect_equal(run("--profile", "offline", words=("-m", "connect")), refused, "-m")
        expect_equal(run("--profile", "offline", words=("-c", CONNECT)), refused, "-c")
    with tap.point("what site runs comes before the wrapper"):
        os.mkdir(work.path("site"))
        with open(work.path("site", "sitecustomize.py"), "w", encoding="utf-8") as file:
            file.write(f"import socket\nwith socket.create_connection(('127.0.0.1', {server.port})) as c: print(c.recv(5).decode())\n")
        path = {"PYTHONPATH": f"{work.path('site')}:{PACKAGE}"}
        code, out, _ = server.hears(lambda: subprocess_run(work, ["connect.py", server.port], path))
        expect_equal((code, out), (9, "hello\nNetworkBlockedError\n"), "sitecustomize, then the program")


def subprocess_run(work, words, env):
    process = subprocess.run([work.python, *WRAPPER, "--", *words], cwd=work.folder, env=dict(work.environment(), **env), check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    return process.returncode, process.stdout, process.stderr


# --- the records ---

TRIES = """
import os, socket, sys
def attempt(port=9):
    try:
        socket.create_connection(("127.0.0.1", port))
    except PermissionError:
        pass
exec(sys.argv[1])
"""


class Tries:
    """A program that tries, and what was written down of it."""

    def __init__(self, work):
        self.work = work
        with open(work.path("tries.py"), "w", encoding="utf-8") as file:
            file.write(TRIES)
        self.log = work.path("tries.log")
        self.folder = work.path("records")

    def __call__(self, text, *options, kill=False, **how):
        """(status, the log's records, the net_restrict file)"""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        if os.path.exists(self.log):
            os.unlink(self.log)
        before = [*WRAPPER, "--log", self.log, "--log-dir", self.folder, *options, "--"]
        if kill:
            process = self.work.start(["tries.py", text], before)
            process.stdout.readline()
            process.kill()
            process.communicate(timeout=TIMEOUT)
            self.errors, status = "", process.returncode
        else:
            status, _, self.errors = self.work.run(["tries.py", text], before=before, **how)
        with open(self.log, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        names = os.listdir(self.folder)
        expect_equal(len(names), 1, f"files in the folder: {names}")
        expect(re.fullmatch(r"net_restrict_\d{8}T\d{6}\.\d{6}Z\.json", names[0]), f"the name {names[0]}")
        with open(os.path.join(self.folder, names[0]), encoding="utf-8") as file:
            return status, records, json.load(file)


def kinds(records):
    return [record["type"] for record in records]


def connects(records):
    """How often each port was tried."""
    counts = {}
    for record in records:
        if record["type"] == "attempt" and record["call"] == "connect":
            counts[record["port"]] = counts.get(record["port"], 0) + record["count"]
    return counts


def log_records(tap, work, tries):
    with tap.point("the log has a start, the attempts and an end, with the fields of netguard run"):
        status, records, _ = tries("attempt()")
        expect_equal((status, kinds(records)), (0, ["start", "attempt", "end"]), tries.errors)
        start, attempt, end = records
        expect_equal((start["source"], start["profile"], start["allow"]), ("python", "offline", []), "start")
        expect_equal(start["command"], [work.python, "tries.py", "attempt()"], "command")
        expect_equal([attempt[name] for name in ("source", "count", "call", "family", "protocol", "address", "port", "verdict", "class")],
                     ["python", 1, "connect", "ipv4", "tcp", "127.0.0.1", 9, "denied", "machine"], "attempt")
        expect(attempt["tip"].startswith("--allow "), f"the tip {attempt['tip']}")
        expect(attempt["text"].startswith("denied: ") and attempt["api"] == "socket.connect", f"{attempt}")
        expect(any(line.startswith(work.path("tries.py") + ":4 in attempt") for line in attempt["stack"]), f"the stack {attempt['stack']}")
        expect(not any("python_blackbox" in line or "runpy" in line for line in attempt["stack"]), f"the stack {attempt['stack']}")
        expect_equal((end["exit-status"], end["denied"], end["allowed"], end["lost"]), (0, 1, 0, 0), "end")
    with tap.point("repeats are counted"):
        _, records, _ = tries("for _ in range(100): attempt()\nattempt(10)")
        expect_equal(connects(records), {9: 100, 10: 1}, "counts")
        expect(len(records) < 10, f"{len(records)} records")
        expect_equal(records[-1]["denied"], 101, "denied")
    with tap.point("a second program is appended"):
        first = len(records)
        work.run(["tries.py", "attempt()"], before=[*WRAPPER, "--log", tries.log, "--"])
        with open(tries.log, encoding="utf-8") as file:
            expect_equal(kinds(json.loads(line) for line in file)[first:], ["start", "attempt", "end"], "what was appended")
    with tap.point("--log - goes to standard error"):
        _, _, err = work.run(["tries.py", "attempt()"], before=[*WRAPPER, "--log", "-", "--"])
        expect_equal(kinds(json.loads(line) for line in err.splitlines()), ["start", "attempt", "end"], "standard error")
    with tap.point("attempts of a child that was forked are in its parent's log, under its own pid"):
        _, records, document = tries("pid = os.fork()\nif pid == 0:\n    attempt(10); sys.exit(3)\nos.waitpid(pid, 0)\nattempt(11)")
        attempts = [record for record in records if record["type"] == "attempt"]
        expect_equal([record["port"] for record in attempts], [10, 11], "ports")
        expect_equal([record["pid"] == records[0]["pid"] for record in attempts], [False, True], "whose")
        expect_equal(kinds(records).count("end"), 1, "ends")
        expect_equal((records[-1]["exit-status"], document["exit_code"], len(document["events"])), (0, 0, 1), "the parent's end")
    with tap.point("multiprocessing's children write no end"):
        _, records, _ = tries("import multiprocessing as m\np = m.get_context('fork').Process(target=attempt, args=(12,))\np.start(); p.join()")
        expect_equal((connects(records), kinds(records).count("end"), kinds(records)[-1]), ({12: 1}, 1, "end"), "records")
    with tap.point("a program that closes all descriptors, or leaves its folder, is logged all the same, and into no other file"):
        _, records, _ = tries("attempt()\nos.closerange(3, 4096)\nos.chdir('/')\nf = open('" + work.path("other") + "', 'w')\n"
                              "fds = [os.dup(f.fileno()) for _ in range(1010)]\nattempt(10)", options=())
        expect_equal((connects(records), kinds(records)[-1]), ({9: 1, 10: 1}, "end"), "records")
        expect_equal(os.path.getsize(work.path("other")), 0, "bytes in the other file")
    with tap.point("attempts at the end are recorded too: in threads, in functions at exit"):
        _, records, _ = tries("import atexit, threading\natexit.register(attempt, 10)\n"
                              "threading.Thread(target=lambda: (threading.main_thread().join(), attempt(11))).start()")
        expect_equal((connects(records), kinds(records)[-1]), ({10: 1, 11: 1}, "end"), "records")


def slow_log(tap, work):
    with tap.point("nobody waits for the reader of a pipe; what is lost is counted and said"):
        os.mkfifo(work.path("fifo"))
        reader = os.open(work.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        code, _, err = work.run(["tries.py", "for port in range(1, 1200): attempt(port)"], before=[*WRAPPER, "--log", work.path("fifo"), "--"])
        os.close(reader)
        expect(code == 0 and re.search(r"^python_blackbox: \d+ records could not be written to .*fifo", err), f"{code}: {err}")
    with tap.point("a full disk is said"):
        code, _, err = work.run(["tries.py", "attempt()"], before=[*WRAPPER, "--log", "/dev/full", "--"])
        expect(code == 0 and "could not be written to /dev/full: No space left" in err, f"{code}: {err}")


def ends(tap, tries):
    for name, text, status, code in (
            ("an exception", "attempt(); 1 / 0", 1, 1), ("sys.exit(3)", "attempt(); sys.exit(3)", 3, 3),
            ("sys.exit() with a text", "attempt(); sys.exit('x')", 1, 1), ("sys.exit(-1)", "attempt(); sys.exit(-1)", 255, 255),
            ("an excepthook that exits", "attempt(); sys.excepthook = lambda *a: sys.exit(8)\n1 / 0", 8, 8),
            ("KeyboardInterrupt", "attempt(); raise KeyboardInterrupt", -signal.SIGINT, 130)):
        with tap.point(f"the exit status is in the records: {name}"):
            found, records, document = tries(text)
            expect_equal((found, records[-1]["type"], records[-1].get("exit-status"), document["exit_code"]), (status, "end", code, code), tries.errors)
            expect_equal(len(document["events"]), 1, "events")
    with tap.point("the exit status is in the records: an output that cannot be flushed"):
        found, records, document = tries("print('x')", closed_stdout=True)
        expect_equal((found, records[-1]["exit-status"], document["exit_code"]), (120, 120, 120), tries.errors)
    for name, text, status in (("os._exit()", "attempt(); os._exit(4)", 4), ("SIGTERM", "attempt(); os.kill(os.getpid(), 15)", -15)):
        with tap.point(f"{name} leaves what was known, without an end"):
            found, records, document = tries(text)
            expect_equal((found, kinds(records)), (status, ["start", "attempt"]), tries.errors)
            expect_equal((document["exit_code"], [event["api"] for event in document["events"]]), (None, ["socket.connect"]), "net_restrict")
    with tap.point("SIGKILL leaves what was known"):
        found, records, document = tries("attempt(); print('x', flush=True)\nwhile True: os.read(0, 1) or __import__('signal').pause()", kill=True)
        expect_equal((found, kinds(records)), (-signal.SIGKILL, ["start", "attempt"]), "the log")
        expect_equal((document["exit_code"], len(document["events"])), (None, 1), "net_restrict")


def restrict_file(tap, work, tries):
    with tap.point("the net_restrict file has what ZenCube's has"):
        _, records, document = tries("attempt(); attempt()", "--profile", "offline")
        expect_equal(list(document), ["timestamp", "command", "events", "exit_code"], "members")
        expect_equal(document["command"], [work.python, "tries.py", "attempt(); attempt()"], "command")
        expect_equal(len(document["events"]), 2, "events")
        event = document["events"][0]
        expect_equal((event["api"], event["args"], event["verdict"], event["pid"]),
                     ("socket.connect", ["ipv4", "127.0.0.1:9/tcp"], "denied", records[0]["pid"]), "an event")
        expect(event["stack"][-1].endswith("in create_connection") or "connect" in event["stack"][-1], f"the stack {event['stack']}")
    with tap.point("past its limit events are counted"):
        _, _, document = tries("for _ in range(5000): attempt()")
        expect_equal(len(document["events"]) + document["events_lost"], 5000, "events and lost ones")
        expect(document["events_lost"] > 0, "nothing was lost")
    with tap.point("report() writes one document with the rules and the attempts"):
        path = work.path("report.json")
        code, _, err = work.run(["-c", "import python_blackbox, socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass\n"
                                 f"python_blackbox.report({path!r})"], before=[*WRAPPER, "--allow", "192.0.2.0/24", "--"])
        expect_equal(code, 0, err)
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        expect_equal((document["profile"], document["whitelist"], len(document["attempts"])), ("offline", ["192.0.2.0/24"], 1), "report")
        expect(document["protection"] and re.match(r"\d{4}-\d\d-\d\dT", document["time"]), f"{document}")
    with tap.point("the program's own callback is called, and the log goes on"):
        _, records, _ = tries("import python_blackbox as b\nb.on_attempt(lambda a: sys.stderr.write(a['call'] + '\\n'))\nattempt()\nb.on_attempt(None)\nattempt()")
        expect_equal((tries.errors, connects(records)), ("connect\n", {9: 2}), "what was called")


def table(tap, work, tries):
    netguard = os.path.join(BUILD, "src", "cli", "netguard")
    with tap.point("netguard log --file reads the log"):
        if not os.path.exists(netguard):
            raise Skip("netguard is not built")
        tries("attempt(); attempt(); attempt(10); sys.exit(3)")
        result = subprocess.run([netguard, "log", "--file", tries.log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                                timeout=TIMEOUT)
        expect_equal((result.returncode, result.stderr), (0, ""), "netguard log")
        expect(re.search(r"127\.0\.0\.1:9/tcp", result.stdout) and re.search(r"127\.0\.0\.1:10/tcp", result.stdout), result.stdout)
        expect("exit status 3" in result.stdout and f"Last run: {work.python} tries.py" in result.stdout, result.stdout)
        found = json.loads(subprocess.run([netguard, "log", "--file", tries.log, "--json"], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT).stdout)
        expect_equal(sorted((one["port"], one["count"]) for one in found if one["call"] == "connect"), [(9, 2), (10, 1)], "counts")


def main():
    tap = Tap()
    themes = set(sys.argv[1:]) or {"compare", "options", "blocking", "records"}
    works = [Work(python) for python in PYTHONS]
    try:
        for work in works:
            work.name = name_of(work.python)
        tap.note("interpreters: " + ", ".join(work.name for work in works))
        if "compare" in themes:
            compare(tap, works)
        if "options" in themes:
            command_line(tap, works[0])
        if "blocking" in themes:
            blocking(tap, works[0])
        if "records" in themes:
            tries = Tries(works[0])
            log_records(tap, works[0], tries)
            slow_log(tap, works[0])
            ends(tap, tries)
            restrict_file(tap, works[0], tries)
            table(tap, works[0], tries)
    finally:
        for work in works:
            shutil.rmtree(work.top)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
