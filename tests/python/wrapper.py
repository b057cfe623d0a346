#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python3 -m python_blackbox: programs run as without it, on each interpreter that the package was built for; they are blocked;
what they tried is written down. Traffic: loopback. TAP."""

import json
import os
import pty
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
import pythons  # noqa: E402  pylint: disable=wrong-import-position
from wrapper_programs import FILES, PROGRAMS  # noqa: E402  pylint: disable=wrong-import-position
from tap import Skip, Tap, expect, expect_equal  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.setdefault("NETGUARD_BUILD", os.path.realpath(os.path.join(HERE, "..", "..", "build")))
TIMEOUT = 60
WRAPPER = ("-m", "python_blackbox")
VARYING = r"\b0x[0-9a-f]{8,}|\b\d{15}\b|\b\d\.\d+s\b"  # addresses, threads, times

class Work:
    """A folder with the programs, for one interpreter."""

    def __init__(self, name, python):
        self.name = name
        self.python = python
        self.package = pythons.package(python)
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
        compiled = "import py_compile; [py_compile.compile('raise.py', f'compiled.{end}') for end in ('pyc', 'other')]"
        subprocess.run([python, "-c", compiled], cwd=self.folder, check=True)
        with open(self.path("foreign.pyc"), "wb") as file:
            file.write(b"\x01\x02\r\n" + bytes(40))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def environment(self, **extra):
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        own = {"PYTHONPATH": self.package, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
               "NETGUARD_RUN": os.path.join(BUILD, "src", "run", "netguard-run")}
        return {**env, **own, **extra}

    def start(self, words, before=(), options=(), env=None, **how):
        """The interpreter with its options, what is put before the program, the program."""
        words = [word.format(folder=self.folder) if word.startswith("{") else word for word in words]
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder, **how}
        env = self.environment(**(env or {}))
        return subprocess.Popen([self.python, *options, *before, *words], env=env, **how)

    def run(self, words, before=(), stdin=b"", closed_stdout=False, merged=False, **how):
        """(status, output, errors), without what is different each time."""
        how["stdin"] = subprocess.PIPE
        how["stderr"] = subprocess.STDOUT if merged else subprocess.PIPE
        if closed_stdout:
            reader, how["stdout"] = os.pipe()
            os.close(reader)
        process = self.start(words, before, **how)
        if closed_stdout:
            os.close(how["stdout"])
        out, err = process.communicate(stdin, timeout=TIMEOUT)
        out, err = (re.sub(VARYING, "0x", (text or b"").decode("utf-8", "replace")) for text in (out, err))
        return process.returncode, out, err

    def wrapped(self, words, *options, **how):
        """The same in the wrapper."""
        return self.run(words, before=[*WRAPPER, *options, "--"], **how)


def difference(plain, wrapped):
    for what, one, other in zip(("status", "output", "errors"), plain, wrapped):
        if one != other:
            return f"{what}:\n  without {one!r}\n  with    {other!r}"
    return None


def both(work, words, how, *wrapper):
    """Without and with the wrapper and its options."""
    how = dict(how)
    if how.pop("isolated", False):  # -I ignores PYTHONPATH: the package is found by -c instead
        launcher = f"import runpy, sys; sys.path.append({work.package!r}); runpy._run_module_as_main('python_blackbox')"
        own = how.pop("options")
        return (work.run(words, options=own, **how),
                work.run(words, before=["-c", launcher, *wrapper, "--"], options=own, **how))
    return work.run(words, **how), work.wrapped(words, *wrapper, **how)


def runpy_instead(work, words, how):
    """A wrapper as one would write it in Python: what the comparison is a test of."""
    how = {name: value for name, value in how.items() if name != "isolated"}
    text = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return work.run(words, before=["-c", text], **how)


def in_no_folder(work, words, before=()):
    """Run where the current folder was removed."""
    words = [work.python, *before, *(word.format(folder=work.folder) for word in words)]
    shell = ["/bin/sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh"]
    result = subprocess.run([*shell, *words], cwd=work.top, env=work.environment(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
    return result.returncode, result.stdout, result.stderr


def typed(work, words, lines):
    """(status, what the terminal shows) of a session."""
    env = work.environment(HOME=work.top, TERM="dumb", PYTHON_BASIC_REPL="1")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(work.python, [work.python, *words], env)
    shown = b""
    try:
        for line in lines:
            start = len(shown)
            while not shown[start:].rstrip(b" ").endswith(b">>>"):
                shown += os.read(terminal, 1000)
            os.write(terminal, line)
        while True:
            shown += os.read(terminal, 1000)
    except OSError:  # EIO: nobody is at the other end any more
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode().replace(" ", ""), ""


def compare(tap, works):
    for name, words, how in PROGRAMS:
        with tap.point(f"as without the wrapper: {name}"):
            found = []
            for work in works:
                told = difference(*both(work, words, how))
                if told:
                    found.append(f"{work.name}: {told}")
            expect(not found, "\n".join(found))
    with tap.point("as without the wrapper: a terminal"):
        for work in works:
            for lines in ([b"1+1\n", b"1/0\n", b"import sys; sys.exit(4)\n"], [b"'__file__' in globals()\n", b"\x04"]):
                told = difference(typed(work, ["-"], lines), typed(work, [*WRAPPER, "-"], lines))
                expect(not told, f"{work.name}: {told}")
    with tap.point("as without the wrapper: a folder that is gone"):
        for work in works:
            for words in (["{folder}/nosite.py"], ["-c", "import sys; print(sys.path)"], ["-m", "json.tool", "--help"]):
                told = difference(in_no_folder(work, words), in_no_folder(work, words, [*WRAPPER, "--"]))
                expect(not told, f"{work.name}: {told}")
    with tap.point("what lies in the current folder is no module of the wrapper's"):
        for work in works:
            folder, log = work.path("shadows"), os.path.join(work.top, "log")
            os.mkdir(folder)
            for name in ("fcntl", "select", "_json", "atexit", "time", "errno", "marshal", "builtins"):
                with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
                    file.write("print('shadow')\n")
            expect_equal(work.run(["{folder}/nosite.py"], before=[*WRAPPER, "--log", log, "--"], cwd=folder),
                         (0, f"{work.folder} ['{work.folder}/nosite.py']\n", ""), f"{work.name}: a script elsewhere")
    for what, wrapper, but in (
            ("--strict and with records", ["--strict", "--log", os.path.join(works[0].top, "log"), "--log-dir", works[0].top],
             "descriptors"),  # the log has one
            ("--strict with --allow", ["--strict", "--allow", "127.0.0.1"], None)):
        with tap.point(f"all of them are as without it under {what} ({works[0].name})"):
            told = [(name, difference(*both(works[0], words, how, *wrapper))) for name, words, how in PROGRAMS if name != but]
            expect(not any(one for _, one in told), "\n".join(f"{name}: {one}" for name, one in told if one))
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
    with tap.point("what cannot be blocked as asked is not started, and leaves no record"):
        for words in (["--strict", "--allow", "127.0.0.1"], ["--strict", "--profile", "local"]):
            refused([*words, "--log-dir", work.path("nomain"), "where.py"], "could not be confined, and was not started",
                    status=125, env={"NETGUARD_RUN": "/nowhere"})
        expect_equal(os.listdir(work.path("nomain")), ["x.py"], "the folder for records")
    with tap.point("a log or a folder that cannot be had is refused before the program starts"):
        for option, place, text in (("--log", "/nowhere/x", "No such file"), ("--log", work.folder, "Is a directory"),
                                    ("--log-dir", "/nowhere", "No such file"),
                                    ("--log-dir", work.path("where.py"), "Not a directory")):
            refused([option, place, "where.py"], f'{option} "{place}": {text}')
    with tap.point("help names each option"):
        code, out, err = work.run(["--help"], before=WRAPPER)
        expect_equal((code, err), (0, ""), "status and errors")
        for option in ("--profile", "--allow", "--strict", "--subprocess", "--log", "--log-dir", "--help"):
            expect(re.search(rf"^  (-\w, )?{option}\b", out, re.M), f"no {option} in {out}")
    with tap.point("options end at the first word that is none"):
        for before in ([*WRAPPER], [*WRAPPER, "--profile=local", "--allow", "example.org"]):
            expect_equal(work.run(["nosite.py", "--profile", "-h"], before=before)[:2],
                         (0, f"{work.folder} ['nosite.py', '--profile', '-h']\n"), "run")


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
    with tap.point("--strict blocks it, and holds to --allow"):
        expect_equal(run("--strict"), refused, "--strict")
        expect_equal(run("--strict", "--allow", "127.0.0.1"), reached, "--strict --allow")
        expect_equal(run("--strict", "--allow", f"127.0.0.1:{int(server.port) ^ 1}/tcp"), refused, "--strict with another port")
    with tap.point("a module, -c and standard input are blocked likewise"):
        expect_equal(run("--profile", "offline", words=("-m", "connect")), refused, "-m")
        expect_equal(run("--profile", "offline", words=("-c", CONNECT)), refused, "-c")
    with tap.point("what site runs comes before the wrapper"):
        os.mkdir(work.path("site"))
        with open(work.path("site", "sitecustomize.py"), "w", encoding="utf-8") as file:
            file.write("import socket\n"
                       f"with socket.create_connection(('127.0.0.1', {server.port})) as c: print(c.recv(5).decode())\n")
        path = {"PYTHONPATH": f"{work.path('site')}:{work.package}"}
        code, out, _ = server.hears(lambda: subprocess_run(work, ["connect.py", server.port], path))
        expect_equal((code, out), (9, "hello\nNetworkBlockedError\n"), "sitecustomize, then the program")


def subprocess_run(work, words, env):
    process = subprocess.run([work.python, *WRAPPER, "--", *words], cwd=work.folder, env=dict(work.environment(), **env),
                             check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
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
        wanted = {"source": "python", "count": 1, "call": "connect", "family": "ipv4", "protocol": "tcp", "address": "127.0.0.1",
                  "port": 9, "verdict": "denied", "class": "machine", "errno": "EACCES"}
        expect_equal({name: attempt[name] for name in wanted}, wanted, "attempt")
        expect(attempt["tip"].startswith("--allow "), f"the tip {attempt['tip']}")
        expect(attempt["text"].startswith("denied: ") and attempt["api"] == "socket.connect", f"{attempt}")
        stack = attempt["stack"]
        expect(any(line.startswith(work.path("tries.py") + ":5 in attempt") for line in stack), f"the stack {stack}")
        expect(not any("python_blackbox" in line or "runpy" in line for line in stack), f"the stack {stack}")
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
    with tap.point("--log - into a file overwrites nothing that the program says there"):
        with open(work.path("both"), "wb") as file:
            process = work.start(["tries.py", "attempt(); sys.stderr.write('said\\n'); attempt(10)"],
                                 [*WRAPPER, "--log", "-", "--"], stderr=file)
            process.communicate(timeout=TIMEOUT)
        with open(work.path("both"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        expect_equal(lines.pop(2), "said", "what the program said")
        expect_equal(kinds(json.loads(line) for line in lines), ["start", "attempt", "attempt", "end"], "standard error")
    with tap.point("attempts of a child that was forked are in its parent's log, under its own pid"):
        _, records, document = tries("pid = os.fork()\nif pid == 0:\n    attempt(10); sys.exit(3)\n"
                                     "os.waitpid(pid, 0)\nattempt(11)")
        attempts = [record for record in records if record["type"] == "attempt"]
        expect_equal([record["port"] for record in attempts], [10, 11], "ports")
        expect_equal([record["pid"] == records[0]["pid"] for record in attempts], [False, True], "whose")
        expect_equal(kinds(records).count("end"), 1, "ends")
        expect_equal((records[-1]["exit-status"], document["exit_code"], len(document["events"])), (0, 0, 1), "the parent's end")
    with tap.point("multiprocessing's children write no end"):
        _, records, _ = tries("from multiprocessing import get_context\n"
                              "p = get_context('fork').Process(target=attempt, args=(12,))\np.start(); p.join()")
        expect_equal((connects(records), kinds(records).count("end"), kinds(records)[-1]), ({12: 1}, 1, "end"), "records")
    with tap.point("32 threads that try, and one that forks meanwhile: each attempt is counted, no child hangs"):
        # The first attempt by itself: what it imports, another thread's fork() would leave locked in the child (CPython's).
        _, records, _ = tries("import threading\nattempt(19)\n"
                              "threads = [threading.Thread(target=lambda: [attempt(20) for _ in range(50)]) for _ in range(32)]\n"
                              "[thread.start() for thread in threads]\n"
                              "for _ in range(20):\n    pid = os.fork()\n    if pid == 0: attempt(21); os._exit(0)\n"
                              "    os.waitpid(pid, 0)\n"
                              "[thread.join() for thread in threads]")
        expect_equal((connects(records), records[-1]["denied"]), ({19: 1, 20: 1600, 21: 20}, 1601), tries.errors)
    with tap.point("a program that closes all descriptors, or leaves its folder, is logged all the same, and into no other file"):
        _, records, _ = tries("attempt()\nos.closerange(3, 4096)\nos.chdir('/')\nf = open('" + work.path("other") + "', 'w')\n"
                              "fds = [os.dup(f.fileno()) for _ in range(1010)]\nattempt(10)")
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
        code, _, err = work.run(["tries.py", "for port in range(1, 1200): attempt(port)"],
                                before=[*WRAPPER, "--log", work.path("fifo"), "--"])
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
            end = records[-1]
            expect_equal((found, end["type"], end.get("exit-status"), document["exit_code"]), (status, "end", code, code),
                         tries.errors)
            expect_equal(len(document["events"]), 1, "events")
    with tap.point("the exit status is in the records: an output that cannot be flushed"):
        found, records, document = tries("print('x')", closed_stdout=True)
        expect_equal((found, records[-1]["exit-status"], document["exit_code"]), (120, 120, 120), tries.errors)
    for name, text, status in (("os._exit()", "attempt(); os._exit(4)", 4),
                               ("SIGTERM", "attempt(); os.kill(os.getpid(), 15)", -signal.SIGTERM)):
        with tap.point(f"{name} leaves what was known, without an end"):
            found, records, document = tries(text)
            expect_equal((found, kinds(records)), (status, ["start", "attempt"]), tries.errors)
            expect_equal((document["exit_code"], [event["api"] for event in document["events"]]), (None, ["socket.connect"]),
                         "net_restrict")
    with tap.point("SIGKILL leaves what was known"):
        found, records, document = tries("attempt(); print('x', flush=True)\nimport signal\nsignal.pause()", kill=True)
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
        expect(event["stack"][-1].endswith("in create_connection"), f"the stack {event['stack']}")
    with tap.point("past its limit events are counted"):
        _, _, document = tries("for _ in range(5000): attempt()")
        expect_equal(len(document["events"]) + document["events_lost"], 5000, "events and lost ones")
        expect(document["events_lost"] > 0, "nothing was lost")
    with tap.point("report() writes one document with the rules and the attempts"):
        path = work.path("report.json")
        code, _, err = work.run(["tries.py", f"import python_blackbox\nattempt()\npython_blackbox.report({path!r})"],
                                before=[*WRAPPER, "--allow", "192.0.2.0/24", "--"])
        expect_equal(code, 0, err)
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        expect_equal((document["profile"], document["whitelist"], len(document["attempts"])), ("offline", ["192.0.2.0/24"], 1),
                     "report")
        expect(document["protection"] and re.match(r"\d{4}-\d\d-\d\dT", document["time"]), f"{document}")
    with tap.point("the program's own callback is called, and the log goes on"):
        _, records, _ = tries("from python_blackbox import on_attempt\n"
                              "on_attempt(lambda a: sys.stderr.write(a['call'] + '\\n'))\nattempt()\non_attempt(None)\nattempt()")
        expect_equal((tries.errors, connects(records)), ("connect\n", {9: 2}), "what was called")


def table(tap, work, tries):
    netguard = os.path.join(BUILD, "src", "cli", "netguard")
    with tap.point("netguard log --file reads the log"):
        if not os.path.exists(netguard + "-verbs"):
            raise Skip("netguard is not built")
        tries("attempt(); attempt(); attempt(10); sys.exit(3)")
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "check": False, "timeout": TIMEOUT}
        result = subprocess.run([netguard, "log", "--file", tries.log], **how)
        expect_equal((result.returncode, result.stderr), (0, ""), "netguard log")
        for text in ("127.0.0.1:9/tcp", "127.0.0.1:10/tcp", "exit status 3", f"Last run: {work.python} tries.py"):
            expect(text in result.stdout, result.stdout)
        found = json.loads(subprocess.run([netguard, "log", "--file", tries.log, "--json"], **how).stdout)
        counts = sorted((one["port"], one["count"]) for one in found if one["call"] == "connect")
        expect_equal(counts, [(9, 2), (10, 1)], "counts")


def main():
    tap = Tap()
    themes = set(sys.argv[1:]) or {"compare", "options", "blocking", "records"}
    works = [Work(name, python) for name, python in pythons.interpreters(debug=True)]
    try:
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
