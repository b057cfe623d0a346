#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs for memory.py, run by the interpreter under test in a namespace with nothing but a loopback: lifetimes.py NAME

Each ends with status 0 and one line of JSON, or says on stderr what is wrong. What they try to reach outside is a documentation
address: nothing is there, whatever goes wrong.
"""

import contextlib
import gc
import json
import os
import pickle
import socket
import subprocess
import sys
import threading

os.environ["PYTHON_BLACKBOX_NOAUTO"] = "1"

import python_blackbox as blackbox  # noqa: E402  pylint: disable=wrong-import-position

OUTSIDE4, OUTSIDE6 = ("203.0.113.5", 443), ("2001:db8::5", 443)
ENTRIES = ("api.example.org", "*.example.net", "192.0.2.1", "192.0.2.0/24", "[2001:db8::7]:443", "example.com:443/tcp", "localhost:80")
BAD_ENTRIES = ("", "a b", "1.2.3.4/99", "example.org:99999", "x" * 300, "[::1", "é\udc80")
ROUNDS = 4  # the first warms up


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def refused(function, *args):
    try:
        function(*args)
    except blackbox.NetworkBlockedError:
        return
    raise AssertionError(f"{function} was not refused")


def made(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    """A socket, whatever is blocked."""
    blackbox.allow_network()
    made_one = socket.socket(family, kind)
    blackbox.block_network()
    return made_one


# --- work that must leave nothing behind ---

def refused_calls():
    for family, address in ((socket.AF_INET, OUTSIDE4), (socket.AF_INET6, OUTSIDE6)):
        with made(family) as stream, made(family, socket.SOCK_DGRAM) as datagram:
            refused(stream.connect, address)
            refused(stream.connect_ex, address)
            refused(stream.bind, address)
            refused(datagram.sendto, b"x", address)
            refused(datagram.sendto, b"x", 0, address)
            refused(datagram.sendmsg, [b"x"], [], 0, address)
            refused(stream.connect, ("api.example.org", 443))
    refused(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)


def permitted_calls():
    blackbox.add_whitelist("127.0.0.0/8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name in ("127.0.0.1", "localhost"):
            with socket.create_connection((name, server.getsockname()[1])) as client:
                server.accept()[0].close()
                with socket.socket(fileno=os.dup(client.fileno())):
                    pass
    blackbox.remove_whitelist("127.0.0.0/8")


def descriptors():
    """A socket from before the block, made anew of its descriptor, is refused and stays open."""
    blackbox.allow_network()
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    blackbox.block_network()
    refused(lambda: socket.socket(fileno=client.fileno()))
    refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, client.fileno()))
    os.fstat(client.fileno())
    client.close()
    server.close()


def whitelist_changes():
    for entry in ENTRIES:
        blackbox.add_whitelist(entry)
        blackbox.add_whitelist(entry)
    expect(len(blackbox.whitelist()) == len(ENTRIES), blackbox.whitelist())
    for entry in ENTRIES:
        blackbox.remove_whitelist(entry)
        with contextlib.suppress(KeyError):
            blackbox.remove_whitelist(entry)
    for entry in (*BAD_ENTRIES, None, 5, b"x"):
        with contextlib.suppress(ValueError, TypeError):
            blackbox.add_whitelist(entry)
    with contextlib.suppress(ValueError):
        blackbox.profile("none")


def temporary():
    with made(kind=socket.SOCK_DGRAM) as one:
        with contextlib.suppress(ZeroDivisionError), blackbox.allow_temporary():
            with blackbox.allow_temporary() as inner:
                one.connect(("127.0.0.1", 9))
                expect(inner.active, "not active")
            _ = 1 / 0
        refused(one.connect, OUTSIDE4)
    never_entered, left_open = blackbox.allow_temporary(), blackbox.allow_temporary()
    left_open.__enter__()
    with contextlib.suppress(RuntimeError):
        left_open.__enter__()
    left_open.__exit__(None, None, None)
    del never_entered

    def generator():
        with blackbox.allow_temporary():
            yield
    abandoned = generator()
    next(abandoned)
    del abandoned


def records():
    with made() as one:
        for port in range(1, 20):
            refused(one.connect, ("203.0.113.5", port))
    expect(len(blackbox.attempts()) >= 19, "too few")
    blackbox.report("/dev/null")
    blackbox.clear_attempts()
    expect(blackbox.attempts() == [], "not cleared")


def callbacks():
    seen = []

    def fails(attempt):
        seen.append(attempt)
        with contextlib.suppress(blackbox.NetworkBlockedError):
            socket.getaddrinfo("other.example.org", 80)
        raise ValueError("from the callback")
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: None
    blackbox.on_attempt(fails)
    with made() as one:
        refused(one.connect, OUTSIDE4)
    blackbox.on_attempt(None)
    sys.unraisablehook = hook
    expect(len(seen) == 1, f"called {len(seen)} times")


def lookups():
    blackbox.add_whitelist("localhost")
    expect(socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM), "no address")
    expect(socket.getaddrinfo(host="localhost", port=80), "no address")
    expect(socket.gethostbyname("localhost").startswith("127."), "no address")
    socket.gethostbyname_ex("localhost")
    socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST)
    blackbox.remove_whitelist("localhost")
    for function in (socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex):
        refused(function, *(("api.example.org", 80)[:1 + (function is socket.getaddrinfo)]))
    for odd in ("\udc80", "é" * 200, b"\xff.example.org", "a\0b", None, 5):
        with contextlib.suppress(OSError, UnicodeError, TypeError, ValueError):
            socket.getaddrinfo(odd, 80)
    refused(socket.gethostbyaddr, "203.0.113.5")


def refused_children():
    blackbox.block_network(subprocess="refuse")
    refused(subprocess.run, ["/bin/true"])
    refused(os.system, "true")
    refused(os.posix_spawn, "/bin/true", ["true"], {})
    refused(os.posix_spawnp, "true", ["true"], {})
    refused(os.execv, "/bin/true", ["true"])
    refused(os.execve, "/bin/true", ["true"], {})
    blackbox.block_network(subprocess="confine")


def children():
    for way in ("allow", "confine"):
        blackbox.block_network(subprocess=way)
        subprocess.run(["/bin/true"], check=True)
        os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
        expect(os.system("true") == 0, "system() failed")
        with contextlib.suppress(OSError):
            subprocess.run(["/nonexistent/program"], check=True)


def errors():
    try:
        with made() as one:
            one.connect(OUTSIDE4)
    except blackbox.NetworkBlockedError as error:
        again = pickle.loads(pickle.dumps(error))
        expect((type(again), again.args) == (type(error), error.args), "another error")
        expect(again.address == error.address == OUTSIDE4 and again.tip == error.tip, f"{again.address} {again.tip}")


def odd_events():
    """What no CPython says to its hooks, but a program can."""
    for name in ("connect", "__new__", "sendto", "sendmsg", "bind", "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"):
        for args in ((), (None,), (1, 2), ("x", ("y", "z"), 3, 4, 5), (object(), (b"\xff", -1)), (2 ** 70, 2 ** 70, 2 ** 70, 2 ** 70)):
            with contextlib.suppress(blackbox.NetworkBlockedError):
                sys.audit(f"socket.{name}", *args)
    for name in ("http.client.connect", "http.client.send", "ftplib.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        for args in ((), (None, None, None), ("x",) * 5, (object(), b"h" * 400, 2 ** 70)):
            with contextlib.suppress(blackbox.NetworkBlockedError):
                sys.audit(name, *args)


def telling():
    str(blackbox.protection())
    from python_blackbox import _core  # pylint: disable=import-outside-toplevel
    _core.existing_sockets()
    _core.allow_list()


def imported_again():
    """A module deleted and imported anew is another module with the same error, and blocks as before."""
    error = blackbox.NetworkBlockedError
    for name in [name for name in sys.modules if name.partition(".")[0] == "python_blackbox"]:
        del sys.modules[name]
    import python_blackbox  # pylint: disable=import-outside-toplevel,reimported
    expect(python_blackbox is not blackbox and python_blackbox.NetworkBlockedError is error, "another error")
    expect(python_blackbox.is_blocked(), "not blocked")


# How often in a round.
WORK = {refused_calls: 400, permitted_calls: 250, descriptors: 250, whitelist_changes: 300, temporary: 400, records: 40, callbacks: 300,
        lookups: 150, refused_children: 150, children: 6, errors: 400, odd_events: 100, telling: 20, imported_again: 40}


def total():
    """What lives: references, blocks, objects of the collector. Where the interpreter counts no references: 0."""
    gc.collect()
    return (getattr(sys, "gettotalrefcount", int)(), sys.getallocatedblocks(), len(gc.get_objects()))


def growth(work, times):
    """Of the least round after the first. A leak of one for each call would be `times`."""
    rounds = []
    # The allocator takes thousands of imports until it takes no more; those of CPython's own extensions as well.
    for _ in range(ROUNDS * (4 if work is imported_again else 1)):
        before = total()
        for _ in range(times):
            work()
            blackbox.clear_attempts()
        rounds.append([after - was for was, after in zip(before, total())])
    return [min(column) for column in zip(*rounds[1:])]


def flat(few=False):
    blackbox.block_network()
    return {work.__name__: [*growth(work, max(3, times // 20) if few else times), times] for work, times in WORK.items()}


def once():
    """All of the work, a few times: for sanitizers and valgrind, which watch."""
    blackbox.block_network()
    for work in WORK:
        for _ in range(2):
            work()
    return {"attempts": len(blackbox.attempts())}


# --- what C allocates ---

def attempts_freed():
    """Bytes that malloc() has given out: for 1,000 kinds of attempts, and after they are cleared; likewise whitelist entries."""
    import ctypes  # pylint: disable=import-outside-toplevel
    library = ctypes.CDLL(None)

    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
    library.mallinfo2.restype = Info
    blackbox.block_network()
    found = {}

    def attempts():
        with made() as one:
            for port in range(1, 1001):
                refused(one.connect, ("203.0.113.5", port))

    def entries():
        for port in range(1, 1001):
            blackbox.add_whitelist(f"192.0.2.1:{port}")

    def no_entries():
        for entry in blackbox.whitelist():
            blackbox.remove_whitelist(entry)
    for name, fill, clear in (("attempts", attempts, blackbox.clear_attempts), ("entries", entries, no_entries)):
        for _ in range(2):  # the first time the interpreter takes memory for itself
            before = library.mallinfo2().uordblks
            fill()
            full = library.mallinfo2().uordblks
            clear()
            blackbox.clear_attempts()
            found[name] = [full - before, library.mallinfo2().uordblks - before]
    return found


# --- interpreters, threads, the end ---

INSIDE = """
import socket
{0}
try:
    socket.getaddrinfo("api.example.org", 80)
except PermissionError as error:
    said = type(error).__name__
except OSError as error:
    said = "passed: " + type(error).__name__
try:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.connect(("203.0.113.5", 443))
except PermissionError as error:
    said += " " + type(error).__name__
except OSError as error:
    said += " passed: " + type(error).__name__
import os
os.write({1}, (said + chr(10)).encode())
"""


def interpreters_module():
    for name in ("_interpreters", "_xxsubinterpreters"):
        with contextlib.suppress(ImportError):
            return __import__(name)
    raise AssertionError("no module for interpreters")


def new_interpreter(module, own_gil):
    if hasattr(module, "new_config"):
        return module.create("isolated" if own_gil else "legacy")
    return module.create(isolated=own_gil)


def interpreters(count="100", own_gil="0", imports="1"):
    """Made and ended: what is left of the last tens, and what they said."""
    module, (reader, writer) = interpreters_module(), os.pipe()
    blackbox.block_network()
    script = INSIDE.format("import python_blackbox" if imports == "1" else "", writer)
    left, said = [], set()
    for number in range(int(count)):
        interpreter = new_interpreter(module, own_gil == "1")
        failed = module.run_string(interpreter, script)
        module.destroy(interpreter)
        expect(failed is None, failed)
        said.add(os.read(reader, 4096).decode())
        blackbox.clear_attempts()
        if number % 10 == 9:
            left.append(total())
    return {"left": [[b - a for a, b in zip(*pair)] for pair in zip(left, left[1:])], "said": sorted(said)}


def many_threads(count, stop):
    def work(one):
        with one:
            while not stop.is_set():
                refused(one.connect, OUTSIDE4)
                blackbox.add_whitelist("192.0.2.1")
                blackbox.attempts()
                with contextlib.suppress(KeyError):
                    blackbox.remove_whitelist("192.0.2.1")
    threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in [made() for _ in range(count)]]
    for thread in threads:
        thread.start()
    return threads


def forks(count="150"):
    """Children forked while other threads are in the middle of being refused have all locks free."""
    blackbox.block_network()
    stop = threading.Event()
    threads = many_threads(4, stop)
    for _ in range(int(count)):
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                blackbox.add_whitelist("192.0.2.9")
                blackbox.remove_whitelist("192.0.2.9")
                with socket.socket(socket.AF_UNIX):
                    refused(socket.getaddrinfo, "api.example.org", 80)
                expect(any(one["pid"] == os.getpid() for one in blackbox.attempts()), "not recorded")
                status = 0
            os._exit(status)
        expect(os.waitpid(child, 0)[1] == 0, "a child failed")
    stop.set()
    for thread in threads:
        thread.join()
    return {"forked": int(count)}


def ends_busy():
    """The interpreter ends while threads are being refused: they are daemons, and stop where they are."""
    blackbox.block_network()
    many_threads(6, threading.Event())
    while sum(one["count"] for one in blackbox.attempts()) < 200:
        pass
    return {"ended": True}


def main():
    said = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
