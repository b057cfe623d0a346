# SPDX-License-Identifier: MIT
"""The points of rules.py about what Python code can try against the block: taking it out, other interpreters, forged objects."""

import contextlib
import contextvars
import gc
import importlib
import os
import socket
import subprocess
import sys

from rules_stage import LOOPBACK, SERVER, bb, equal, raises, reached, refused, rules


def p_not_removed():
    """reloading, importing again, deleting and patching in Python takes nothing out"""
    with rules():
        importlib.reload(socket)
        assert not reached_plainly()
        kept = {name: sys.modules.pop(name) for name in ("socket", "_socket", "python_blackbox", "python_blackbox._core") if name in sys.modules}
        fresh, core = importlib.import_module("socket"), kept["python_blackbox"]
        try:
            fresh.create_connection(SERVER.address)
            raise AssertionError("through")
        except PermissionError as error:
            equal(type(error).__name__, "NetworkBlockedError")
        again = importlib.import_module("python_blackbox")
        equal((again.is_blocked(), again.NetworkBlockedError), (True, core.NetworkBlockedError))
        sys.modules.update(kept)
        sys.addaudithook(lambda name, args: None)
        for thing in gc.get_objects():
            if type(thing).__name__ == "Temporary":
                raise AssertionError("a permission lies about")
        gc.collect()
        assert not reached_plainly()


def reached_plainly():
    try:
        socket.create_connection(SERVER.address).close()
        return True
    except PermissionError:
        return False


def p_fork():
    """a forked child has the rules, and its changes are its own"""
    with rules():
        pid = os.fork()
        if pid == 0:
            first = reached()
            bb.allow_network()
            os._exit(2 * first + reached())
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1)
        assert not reached()


def p_unreadable():
    """a name is looked up with no port that is out of range, in no length, and not before a NUL"""
    long = ".".join(["a" * 60] * 5) + ".example.org"
    with rules(LOOPBACK), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        for address in (("secret.example.org", 70000), ("secret.example.org", -1), (long, 80)):
            raises(bb.NetworkBlockedError, made.connect, address)
            raises(bb.NetworkBlockedError, made.connect_ex, address)
            raises(bb.NetworkBlockedError, made.sendto, b"x", address)
            raises(bb.NetworkBlockedError, made.sendmsg, [b"x"], [], 0, address)
        for host in (long.encode(), "secret.example.org\0", b"secret.example.org\0"):
            raises(bb.NetworkBlockedError, socket.getaddrinfo, host, 80)
        raises(bb.NetworkBlockedError, socket.getnameinfo, ("0" * 300 + "177.0.0.2", 80), 0)
        raises(OverflowError, made.connect, (LOOPBACK, 70000))
        raises(OverflowError, made.connect, ("localhost", 70000))
        raises(ValueError, bb.add_whitelist, "127.0.0.2\0")


def p_forged_permission():
    """what a program puts in the place of a permission is none, and a permission that is inside of itself is not given"""
    with rules():
        with bb.allow_temporary() as kept:
            variable = [one for one in contextvars.copy_context() if "blackbox" in one.name][0]
            around = contextvars.copy_context()
        with bb.allow_temporary():  # somebody has one
            for forged in (b"\1" * 64, object(), "\1" * 64):
                assert not contextvars.Context().run(lambda value: (variable.set(value), reached())[1], forged)
        inner = bb.allow_temporary()
        around.run(inner.__enter__)
        inner.__exit__(None, None, None)
        raises(RuntimeError, around.run, kept.__enter__)
        assert not around.run(reached)

        def deep():
            for _ in range(50000):
                bb.allow_temporary().__enter__()

        contextvars.Context().run(deep)
        assert not reached()


def p_fresh_type():
    """a type that a fresh import of _socket, or a sub-interpreter, has made is looked at with its first socket"""
    import _socket  # pylint: disable=import-outside-toplevel
    with socket.socket() as made:
        made.connect(SERVER.address)
        with rules():
            sys.modules.pop("_socket")
            try:
                raises(bb.NetworkBlockedError, lambda: importlib.import_module("_socket").socket(fileno=os.dup(made.fileno())))
            finally:
                sys.modules["_socket"] = _socket


def p_other_kind():
    """a socket is judged by what it is, not by what it is said to be: as a protocol, and as one that accepts and receives"""
    import _socket  # pylint: disable=import-outside-toplevel
    with rules(f"{LOOPBACK}:{SERVER.port}/udp"):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.closing(made), socket.socket() as stream:
            made.connect(SERVER.address)  # as datagrams, it may
            os.dup2(stream.fileno(), made.fileno())
            raises(bb.NetworkBlockedError, made.connect, SERVER.address)
        said = _socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 17, _socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach())
        raises(bb.NetworkBlockedError, said.connect, SERVER.address)
        said.close()
    with socket.socket() as peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        listening, waiting = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for one in (listening, waiting):
            one.bind((LOOPBACK, 0))
        listening.listen()
        for one in (peer, sender):
            one.bind(("127.0.0.2", 0))
        peer.connect(listening.getsockname())
        sender.sendto(b"x", waiting.getsockname())
        unlike = [_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, one.detach()) for one in (listening, waiting)]
        with rules(LOOPBACK):
            for one, take in zip(unlike, (unlike[0]._accept, lambda: unlike[1].recvfrom(1))):
                one.setblocking(False)
                raises(BlockingIOError, take)
                one.close()


EARLY = """
import os, socket, sys
try:
    import _interpreters as module
    made = module.create("legacy")
except ImportError:
    import _xxsubinterpreters as module
    made = module.create(**({"isolated": False} if sys.version_info >= (3, 12) else {}))
module.run_string(made, "import _socket")
server = socket.create_server(("127.0.0.1", 0))
number = socket.create_connection(server.getsockname()).detach()
import python_blackbox
python_blackbox.block_network()
text = f"try: _socket.socket(fileno={number})\\nexcept PermissionError: print('refused', flush=True)"
module.run_string(made, text)
module.run_string(made, text)
os.close(number)
module.run_string(made, "import socket; socket.socketpair(); print('made', flush=True)")
os._exit(0)
"""


def p_early_subinterpreter():
    """a sub-interpreter from before the module, which has _socket, makes no socket of a connection, its first neither"""
    said = subprocess.run([sys.executable, "-c", EARLY], stdout=subprocess.PIPE, check=True).stdout
    equal(said.split(), [b"refused", b"refused", b"made"])


SUB = f"""
import socket
try:
    socket.create_connection({SERVER.address!r}).close()
    said = "reached"
except PermissionError as error:
    said = type(error).__name__
import os
os.write(int(PIPE), said.encode())
"""


def p_subinterpreters():
    """a sub-interpreter is blocked, also one that never imported the package, and one with its own lock"""
    for name in ("_interpreters", "_xxsubinterpreters"):
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            break
    else:
        return "no module for sub-interpreters"
    kinds = [()] + ([("isolated",)] if name == "_interpreters" else [])
    for kind in kinds:
        for head in ("", "import python_blackbox\n"):
            read, write = os.pipe()
            with rules():
                made = module.create(*kind)
                try:
                    module.run_string(made, f"PIPE = {write}\n" + head + SUB)
                finally:
                    module.destroy(made)
            os.close(write)
            equal(os.read(read, 100), b"NetworkBlockedError", f"{kind} {head}")
            os.close(read)
    return None
