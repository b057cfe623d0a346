# SPDX-License-Identifier: MIT
"""What children.py runs in each interpreter: children_inside.py TASK MODE HOST PORT PREFIX. Prints one JSON object.

ways        starts a client in every way there is, each with a token of its own: what became of it
manners     what can be seen of a child, to be compared with the same without the module
sockets     sockets of a network among what the child would inherit
processes   multiprocessing
tricks      what would look like something else
references  what is lost in a debug interpreter
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

TASK, MODE, HOST, PORT, PREFIX = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
PYTHON = "/usr/bin/python3"
CLIENT = ("import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); "
          "s.sendall(sys.argv[3].encode() + b'\\n'); s.recv(1)")


def block():
    """Imports the module in the mode asked for; `control`: not at all."""
    if MODE == "control":
        return None
    import python_blackbox
    if MODE == "online":
        python_blackbox.allow_network()
    elif MODE == "allowed":
        python_blackbox.add_whitelist(f"{HOST}:{PORT}/tcp")
    elif MODE == "local":
        python_blackbox.profile("local")
    elif MODE == "noauto":
        python_blackbox.block_network()
    elif MODE == "strict":
        python_blackbox.block_network(strict=True)
    elif MODE in ("refuse", "allow"):
        python_blackbox.block_network(subprocess=MODE)
    return python_blackbox


def client(token):
    return [PYTHON, "-S", "-c", CLIENT, HOST, str(PORT), PREFIX + token]


def quoted(argv):
    import shlex
    return " ".join(map(shlex.quote, argv))


def exec_attempts(module):
    return [one for one in module.attempts() if one["call"] == "exec"] if module else []


def told(function, *args):
    """What a call gave, or the name of what it raised."""
    try:
        return function(*args)
    except Exception as error:  # pylint: disable=broad-except
        return type(error).__name__


def waited(pid):
    return os.waitpid(pid, 0)[1]


def in_fork(function):
    """The wait status of a child that runs the function; 77 if that was refused."""
    pid = os.fork()
    if not pid:
        try:
            function()
        except PermissionError as error:
            os._exit(77 if type(error).__name__ == "NetworkBlockedError" else 78)
        finally:
            os._exit(79)
    status = waited(pid)
    return "NetworkBlockedError" if status == 77 << 8 else status


# --- ways ---

def by_asyncio(argv, shell=False):
    import asyncio

    async def run():
        if shell:
            process = await asyncio.create_subprocess_shell(quoted(argv), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        else:
            process = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        await process.communicate(b"")
        return process.returncode
    return asyncio.run(run())


def by_pty(argv):
    import pty
    return pty.spawn(argv)


def by_popen(argv):
    with os.popen(quoted(argv) + " 2>/dev/null") as pipe:
        pipe.read()
    return None


def by_run(argv, **options):
    return subprocess.run(argv, check=False, stderr=subprocess.DEVNULL, **options).returncode


def by_raw(argv):
    """As who wants to be seen by nothing: no subprocess module."""
    import _posixsubprocess
    read, write = os.pipe()
    more = (-1,) if sys.version_info >= (3, 11) else ()
    last = (False,) if sys.version_info >= (3, 11) else ()
    try:
        return waited(_posixsubprocess.fork_exec(argv, [os.fsencode(argv[0])], True, (write,), None, None, -1, -1, -1, -1, -1, -1,
                                                 read, write, False, False, *more, None, None, None, -1, None, *last))
    finally:
        os.close(read)
        os.close(write)


def by_thread(argv):
    import threading
    found = []
    thread = threading.Thread(target=lambda: found.append(told(by_run, argv)))
    thread.start()
    thread.join()
    return found[0]


WAYS = {
    "subprocess.run": by_run,
    "subprocess, a shell": lambda argv: by_run(quoted(argv), shell=True),
    "subprocess, by posix_spawn": lambda argv: by_run(argv, close_fds=False),
    "subprocess, a preexec_fn": lambda argv: by_run(argv, preexec_fn=os.getpid),
    "subprocess, in a thread": by_thread,
    "_posixsubprocess.fork_exec": by_raw,
    "asyncio, a program": by_asyncio,
    "asyncio, a shell": lambda argv: by_asyncio(argv, True),
    "os.popen": by_popen,
    "os.system": lambda argv: os.system(quoted(argv) + " 2>/dev/null"),
    "os.posix_spawn": lambda argv: waited(os.posix_spawn(argv[0], argv, os.environ)),
    "os.posix_spawnp": lambda argv: waited(os.posix_spawnp("python3", argv, {"PATH": "/usr/bin"})),
    "os.execv": lambda argv: in_fork(lambda: os.execv(argv[0], argv)),
    "os.execve": lambda argv: in_fork(lambda: os.execve(path=argv[0], argv=argv, env={})),
    "os.execvp": lambda argv: in_fork(lambda: os.execvp(argv[0], argv)),
    "os.spawnv": lambda argv: os.spawnv(os.P_WAIT, argv[0], argv),
    "pty.spawn": by_pty,
    "curl": lambda argv: by_run(["curl", "-s", "-m", "5", f"http://{HOST}:{PORT}/{argv[-1]}"]),
    "bash": lambda argv: by_run(["bash", "-c", f"exec 3<>/dev/tcp/{HOST}/{PORT} && echo {argv[-1]} >&3 && read -r -n 1 -u 3"]),
}


def ways():
    module = block()
    before = len(os.listdir("/proc/self/fd"))
    found = {}
    for number, (name, way) in enumerate(WAYS.items()):
        if MODE == "temporary":
            with module.allow_temporary():
                outcome = told(way, client(f"way{number}"))
        else:
            outcome = told(way, client(f"way{number}"))
        found[name] = [f"{PREFIX}way{number}", outcome]
    records = [[one[key] for key in ("api", "path", "verdict", "text")] for one in exec_attempts(module)]
    return {"ways": found, "records": records, "descriptors": len(os.listdir("/proc/self/fd")) - before}


# --- manners ---

SHOW = "import sys; print(ascii(sys.argv))"


def output(argv, **options):
    ended = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    return [ended.returncode, ended.stdout.decode("latin-1")]


def failure(argv, **options):
    """What is said of a child that cannot be started."""
    try:
        subprocess.run(argv, check=False, **options)
    except Exception as error:  # pylint: disable=broad-except
        return [type(error).__name__, str(error), str(getattr(error, "filename", None))]
    return "it was started"


def os_failure(function, *args):
    try:
        function(*args)
    except Exception as error:  # pylint: disable=broad-except
        return [type(error).__name__, getattr(error, "errno", None), str(getattr(error, "filename", None))]
    return "nothing was raised"


def signalled(number, **options):
    text = "import signal; print('x', end='', flush=True); signal.pause()"
    with subprocess.Popen([PYTHON, "-S", "-c", text], stdout=subprocess.PIPE, **options) as process:
        process.stdout.read(1)
        process.send_signal(number)
        rest = process.stdout.read()  # ends only when nobody is left who has it
        return [process.wait(), rest.decode()]


def ended_by(number):
    """The child ends itself by a signal."""
    return subprocess.run(["sh", "-c", f"ulimit -c 0; kill -{number} $$"], check=False, stderr=subprocess.DEVNULL).returncode


def passed_pipe(**options):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    code = by_run([PYTHON, "-S", "-c", f"import os; os.write({write}, b'by the pipe')"], **options or {"pass_fds": (write,)})
    os.close(write)
    data = os.read(read, 100)
    os.close(read)
    return [code, data.decode()]


def unix_input():
    import socket
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with subprocess.Popen(["cat"], stdin=theirs, stdout=subprocess.PIPE) as process:
            theirs.close()
            ours.sendall(b"through a socket pair")
            ours.shutdown(socket.SHUT_WR)
            return [process.stdout.read().decode(), process.wait()]


def session(**options):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, **options) as process:
        found = [os.getsid(process.pid) == process.pid, os.getpgid(process.pid) == process.pid]
        process.stdin.close()
        return found + [process.wait()]


def timed_out():
    try:
        subprocess.run(["sleep", "60"], timeout=0.2, check=False)
    except subprocess.TimeoutExpired as error:
        return type(error).__name__
    return "it ended"


def asyncio_pipes():
    import asyncio

    async def run():
        process = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = await process.communicate(b"asyncio")
        other = await asyncio.create_subprocess_exec("sleep", "60")
        other.terminate()
        return [out.decode(), process.returncode, await other.wait()]
    return asyncio.run(run())


def spawned(path="/bin/sh", script="echo ran; exit 5", **options):
    """Through posix_spawn(), its output into a file."""
    with tempfile.NamedTemporaryFile() as file:
        actions = [(os.POSIX_SPAWN_OPEN, 1, file.name, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 9),
                   (os.POSIX_SPAWN_DUP2, 1, 2), (os.POSIX_SPAWN_CLOSE, 9)]
        pid = os.posix_spawn(path, ["sh", "-c", script], {"A": "b"}, file_actions=actions, **options)
        return [waited(pid), file.read().decode()]


def spawned_in_session():
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, setpgroup=0)
    found = os.getpgid(pid) == pid
    os.kill(pid, signal.SIGTERM)
    return [found, waited(pid)]


def closed_file(folder):
    path = os.path.join(folder, "closed")
    with open(path, "w", encoding="utf-8") as file:
        file.write("for a group")
    os.chown(path, 0, 12345)
    os.chmod(path, 0o040)
    return path


def by_descriptor():
    def run():
        os.execve(os.open("/bin/sh", os.O_RDONLY), ["sh", "-c", "exit 6"], {})
    return in_fork(run)


def pty_output():
    import pty
    collected = []

    def read(fd):
        collected.append(os.read(fd, 1024))
        return collected[-1]
    status = pty.spawn(["sh", "-c", "test -t 0 && echo a terminal; exit 4"], read)
    return [status, b"".join(collected).decode()]


def signal_state(**options):
    """What is blocked and ignored in the child."""
    text = "print([line for line in open('/proc/self/status') if line.startswith(('SigBlk', 'SigIgn'))])"
    return output([PYTHON, "-S", "-c", text], **options)


def with_ignored():
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        return signal_state()
    finally:
        signal.signal(signal.SIGUSR1, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])


def in_folder(folder):
    script = os.path.join(folder, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\necho "in a script $1"\n')
    os.chmod(script, 0o755)
    plain = os.path.join(folder, "plain")
    with open(plain, "w", encoding="utf-8"):
        pass
    return script, plain


def manners_of_programs(folder):
    script, plain = in_folder(folder)
    deep = os.path.join(folder, "deep")
    os.mkdir(deep)
    yield "it is told what it is told", lambda: output([PYTHON, "-S", "-c", SHOW, "a b", "--", "--online", "", "'\"\\\n"])
    yield "arguments may be bytes and no text", lambda: output([os.fsencode(PYTHON), "-S", b"-c", SHOW, b"\xff\x80", "\udcff"])
    yield "argv[0] is another than the program", lambda: output(["other name", "-c", "echo $0 $1"], executable="/bin/sh")
    yield "a script is started", lambda: output([script, "x"])
    yield "a script of the folder is started", lambda: output(["./script", "y"], cwd=folder)
    yield "a program is found from the child's folder", lambda: output(["../script", "z"], cwd=deep)
    yield "it is in its folder", lambda: output(["pwd"], cwd=deep)
    yield "a program is found in PATH", lambda: output(["script"], env={"PATH": f"/nonexistent:{folder}"})
    yield "PATH may have the folder itself", lambda: output(["script"], env={"PATH": ":/bin"}, cwd=folder)
    yield "there is no such program", lambda: failure(["nothing-of-this-name"])
    yield "there is no such path", lambda: failure([f"{folder}/none"])
    yield "a file cannot be executed", lambda: failure([plain])
    yield "a folder cannot be executed", lambda: failure([folder])
    yield "a file is no folder", lambda: failure([f"{plain}/x"])
    yield "there is no such folder", lambda: failure(["true"], cwd=f"{folder}/none")
    yield "an argument has a NUL", lambda: failure(["echo", "a\0b"])
    yield "an argument is a number", lambda: failure(["echo", 1])
    yield "a descriptor that is not open", lambda: failure(["true"], pass_fds=(777,))
    yield "posix_spawn() of nothing", lambda: os_failure(os.posix_spawn, f"{folder}/none", ["x"], {})
    yield "posix_spawnp() of nothing", lambda: os_failure(os.posix_spawnp, "nothing-of-this-name", ["x"], {})
    yield "execv() of nothing", lambda: os_failure(os.execv, f"{folder}/none", ["x"])
    yield "execv() of what cannot be executed", lambda: os_failure(os.execv, plain, ["x"])
    yield "execv() without arguments", lambda: os_failure(os.execv, "/bin/true", [])
    yield "execve() with too few", lambda: os_failure(os.execve, "/bin/true", ["x"])
    yield "execv() of a number", lambda: os_failure(os.execv, 1.5, ["x"])
    yield "posix_spawn() with a wrong action", lambda: os_failure(
        lambda: os.posix_spawn("/bin/true", ["x"], {}, file_actions=[(99, 1)]))
    yield "system() of a number", lambda: os_failure(os.system, 1)


def manners_of_ends():
    for number in (0, 1, 127, 255):
        yield f"it exits with {number}", lambda number=number: by_run(["sh", "-c", f"exit {number}"])
    for name in ("KILL", "TERM", "SEGV", "ABRT", "USR1", "PIPE", "INT"):
        yield f"SIG{name} ends it", lambda name=name: ended_by(name)
        if name not in ("PIPE", "SEGV", "ABRT"):
            yield f"it is sent SIG{name}", lambda name=name: signalled(getattr(signal, "SIG" + name))
    yield "system() has its status", lambda: [os.system("exit 3"), os.system("kill -TERM $$"), os.system("true")]
    yield "system() understands what a shell does", lambda: os.system("test \"$(printf 'a\\047b\\n')\" = \"a'b\" && exit 9\n# '")
    yield "popen() has its output and status", lambda: (lambda pipe: [pipe.read(), pipe.close()])(os.popen("echo \\'; exit 2"))
    yield "spawnv() has its status", lambda: [os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "exit 8"]),
                                              os.spawnlp(os.P_WAIT, "nothing-of-this-name", "x"),
                                              os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "kill -KILL $$")]
    yield "a timeout ends it", timed_out
    yield "asyncio has its pipes and its end", asyncio_pipes


def manners_of_surroundings(folder):
    yield "its environment may be empty", lambda: output([PYTHON, "-S", "-c", "import os; print(sorted(os.environ))"], env={})
    yield "it has the environment it is given", lambda: output(["/bin/sh", "-c", "echo $A $NETGUARD_RUN"], env={"A": "b"})
    yield "it reads its input", lambda: output(["cat"], input=b"input")
    yield "it may have no input", lambda: output(["cat"], stdin=subprocess.DEVNULL)
    yield "its input is a pair of UNIX sockets", unix_input
    yield "a descriptor is passed", passed_pipe
    yield "a descriptor is inherited", lambda: passed_pipe(close_fds=False)
    yield "a descriptor is inherited, with a preexec_fn", lambda: passed_pipe(close_fds=False, preexec_fn=os.getpid)
    yield "a descriptor is not inherited", lambda: passed_pipe(close_fds=True)[0]
    yield "it has a session of its own", lambda: session(start_new_session=True)
    yield "it has our session", session
    if sys.version_info >= (3, 11):
        yield "it has a group of its own", lambda: session(process_group=0)
    yield "it has its umask", lambda: output(["sh", "-c", "umask"], umask=0o77)
    yield "a preexec_fn is run", lambda: output(["pwd"], preexec_fn=lambda: os.chdir("/usr"))
    yield "a preexec_fn raises", lambda: failure(["true"], preexec_fn=lambda: 1 / 0)[:1]
    if os.getuid() == 0:
        yield "it is another user's", lambda: output(["id", "-u"], user=65534, group=65534, extra_groups=[12345], cwd="/")
        for group in (12345, 12346):
            yield f"it is in the group {group}", lambda group=group: output(["cat", closed_file(folder)], user=65534, group=65534,
                                                                           extra_groups=[group])
    yield "its signals are as they were", signal_state
    yield "its signals are not restored", lambda: signal_state(restore_signals=False)
    yield "its ignored signals stay ignored", with_ignored
    yield "its limits are ours", lambda: output(["sh", "-c", "ulimit -a"])
    yield "posix_spawn() acts on files", spawned
    yield "its input is closed", lambda: waited(os.posix_spawn("/bin/sh", ["sh", "-c", "cat 2>/dev/null; exit $?"], {},
                                                               file_actions=[(os.POSIX_SPAWN_CLOSE, 0)]))
    yield "ours are closed", lambda: in_fork(lambda: (os.close(0), os.close(1), os._exit(os.system("exit 3") >> 8)))
    yield "posix_spawn() resets signals", lambda: spawned(setsigdef=[signal.SIGUSR1], setsigmask=[signal.SIGUSR2])
    yield "posix_spawn() makes a group", spawned_in_session
    yield "execve() takes a descriptor", by_descriptor
    yield "it has a terminal of its own", pty_output


def manners():
    block()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.environ["TMPDIR"] = folder
        found = {}
        for name, function in [*manners_of_programs(folder), *manners_of_ends(), *manners_of_surroundings(folder)]:
            found[name] = json.dumps(told(function)).replace(folder, "FOLDER")
    return found


# --- sockets ---

def sockets():
    """Each with a connected socket of the network that the child would have."""
    import socket
    network = block()
    with network.allow_temporary():
        listener = socket.create_server(("127.0.0.1", 0))
        connected = socket.create_connection(listener.getsockname())
    fd = connected.fileno()
    true = ["/bin/true"]
    found = {"as input": told(lambda: by_run(true, stdin=connected)),
             "as output": told(lambda: by_run(true, stdout=connected)),
             "passed": told(lambda: by_run(true, pass_fds=(fd,))),
             "a listener, passed": told(lambda: by_run(true, pass_fds=(listener.fileno(),))),
             "closed": told(lambda: by_run(true)),
             "put in its place": told(lambda: waited(os.posix_spawn(
                 true[0], true, {}, file_actions=[(os.POSIX_SPAWN_DUP2, fd, 0)])))}
    connected.set_inheritable(True)
    found.update({"inheritable, closed": told(lambda: by_run(true)),
                  "inheritable": told(lambda: by_run(true, close_fds=False, cwd="/")),
                  "inheritable, posix_spawn": told(lambda: by_run(true, close_fds=False)),
                  "inheritable, closed by an action": told(lambda: waited(os.posix_spawn(
                      true[0], true, {}, file_actions=[(os.POSIX_SPAWN_CLOSE, fd)]))),
                  "inheritable, execv": in_fork(lambda: os.execv(true[0], true)),
                  "inheritable, system": told(lambda: os.system("true"))})
    return found


# --- multiprocessing ---

def reach(token):
    import socket
    try:
        with socket.create_connection((HOST, PORT), 5) as connection:
            connection.sendall((PREFIX + token).encode() + b"\n")
            connection.recv(1)
    except OSError as error:
        return type(error).__name__
    return "reached"


def rules_of_child(_):
    import python_blackbox
    from python_blackbox import _core
    return [python_blackbox.profile(), python_blackbox.whitelist(), _core.children_mode(), python_blackbox.is_blocked(),
            len(sys.path)]


def rules_of_grandchild(_):
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(rules_of_child, [0])[0]


def child_of_child(token):
    return told(by_run, client(token))


def through_listener(address):
    from multiprocessing.connection import Client
    with Client(address, authkey=b"key") as connection:
        connection.send({"a": connection.recv()})
    return True


def processes():
    import concurrent.futures
    import multiprocessing
    from multiprocessing import shared_memory
    from multiprocessing.connection import Listener
    module = block()
    if module and MODE == "local":
        module.add_whitelist("example.org:443/tcp")
        module.add_whitelist("*.example.net")
        module.add_whitelist("2001:db8::/32")
    found = {}
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            found[f"{method}: pool"] = pool.map(abs, range(-20, 0))
            found[f"{method}: reach"] = pool.apply(reach, (method,))
            found[f"{method}: child"] = pool.apply(child_of_child, (method + "-child",))
            if module:
                found[f"{method}: rules"] = pool.apply(rules_of_child, (0,))
                ours = rules_of_child(0)
                found[f"{method}: rules of the parent"] = ours
                found[f"{method}: path grew"] = pool.apply(rules_of_child, (0,))[4] - ours[4]
        if module:
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
                found[f"{method}: rules of a grandchild"] = executor.submit(rules_of_grandchild, 0).result()
        with context.Manager() as manager:
            shared = manager.dict()
            worker = context.Process(target=shared.update, args=({"key": "value"},))
            worker.start()
            worker.join()
            found[f"{method}: manager"] = [dict(shared), worker.exitcode]
        with Listener(family="AF_UNIX", authkey=b"key") as listener, context.Pool(1) as pool:
            answer = pool.apply_async(through_listener, (listener.address,))
            with listener.accept() as connection:
                connection.send("b")
                found[f"{method}: listener"] = [connection.recv(), answer.get(20)]
    memory = shared_memory.SharedMemory(create=True, size=10)
    memory.buf[0] = 7
    found["shared memory"] = memory.buf[0]
    memory.close()
    memory.unlink()
    found["records"] = [[one["api"], one["verdict"]] for one in exec_attempts(module)]
    return found


# --- tricks ---

class Turning:
    """A path that is another each time it is asked."""

    def __init__(self, *paths):
        self.paths = list(paths)

    def __fspath__(self):
        return self.paths.pop(0) if len(self.paths) > 1 else self.paths[0]


class Growing(list):
    """A list that is another each time it is gone through."""

    def __init__(self, first, then):
        super().__init__(first)
        self.then = then

    def __iter__(self):
        now = list(super().__iter__())
        self[:] = self.then
        return iter(now)


def moved_programs(own, line):
    """The interpreter is at the path when it is looked for, another program when it is executed."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one", "two"):
            os.mkdir(f"{folder}/{name}")
        os.symlink(own, f"{folder}/one/program")
        for where, token in (("two/program", "folder"), ("other", "meanwhile")):
            with open(f"{folder}/{where}", "w", encoding="utf-8") as script:
                script.write(f"#!/bin/sh\nexec {quoted(client(token))}\n")
            os.chmod(f"{folder}/{where}", 0o755)
        before = os.getcwd()
        os.chdir(f"{folder}/one")
        try:
            return {
                "another folder": told(lambda: by_run(["./program", "-c", line], cwd=f"{folder}/two")),
                "put there meanwhile": told(lambda: by_run([f"{folder}/one/program", "-c", line],
                                                           preexec_fn=lambda: os.replace(f"{folder}/other", "program"))),
            }
        finally:
            os.chdir(before)


def tricks():
    block()
    own = os.path.realpath(f"/proc/{os.getpid()}/exe")
    line = "from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=0)"
    first = (f"from multiprocessing.spawn import sys; sys.argv[1:] = {client('first')[4:]!r}; "
             + CLIENT.replace("import socket, sys; ", "import socket; "))
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(f"import sys; sys.argv[1:] = {client('script')[4:]!r}; {CLIENT}\n")
        script.flush()
        found = {
            "script": told(by_run, [own, script.name, "-c", line]),
            "script behind flags": told(by_run, [own, "-S", script.name, "-c", line]),
            "flag with a value": told(by_run, [own, "-X", script.name, script.name, "-c", line]),
            "words behind": told(by_run, [own, "-c", line, "x"]),
            "first statement": told(by_run, [own, "-c", first]),
            "another program": told(lambda: by_run(["/bin/sh", "-c", quoted(client("sh"))], executable=Turning("/bin/sh", own))),
        }
    found.update(moved_programs(own, line))
    found["execv, a turning path"] = in_fork(lambda: os.execv(Turning("/bin/true", own), client("turning")))
    found["execv, a growing list"] = in_fork(lambda: os.execv(own, Growing([own, "-c", "pass"], client("growing"))))
    try:
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        run = getattr(interpreters, "run_string")
        one = interpreters.create("legacy") if sys.version_info >= (3, 13) else interpreters.create()
        run(one, f"import os; os.system({quoted(client('interpreter'))!r} + ' 2>/dev/null')")
        interpreters.destroy(one)
        found["another interpreter"] = "ran"
    except ImportError:
        found["another interpreter"] = "there is none"
    return found


# --- references ---

def references():
    """How many references each way costs a debug interpreter, by one call."""
    block()
    ours = {name: WAYS[name] for name in ("subprocess.run", "subprocess, by posix_spawn", "subprocess, a preexec_fn", "os.system",
                                          "os.posix_spawn")}
    ours["nothing"] = lambda argv: by_run(["nothing-of-this-name"])
    line = "from multiprocessing.spawn import no_such_name"
    ours["a line of multiprocessing"] = lambda argv: by_run([sys.executable, "-c", line])
    found = {}
    for name, way in ours.items():
        for _ in range(5):
            told(way, ["/bin/true"])
        before = sys.gettotalrefcount()
        for _ in range(30):
            told(way, ["/bin/true"])
        found[name] = (sys.gettotalrefcount() - before) / 30
    return found


if __name__ == "__main__":
    tasks = {function.__name__: function for function in (ways, manners, sockets, processes, tricks, references)}
    print(json.dumps(tasks[TASK]()), flush=True)
