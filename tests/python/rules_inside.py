# SPDX-License-Identifier: MIT
"""The points of rules.py, run by each interpreter in a process of its own: prints "ok NAME" or "not ok NAME: why" for each."""

import array
import asyncio
import contextlib
import contextvars
import copy
import errno
import os
import pickle
import socket
import sys
import threading
import traceback

import rules_hostile
from rules_stage import LOOPBACK, SERVER, Server, accepting, bb, equal, raises, reached, refused, rules


# --- the points: functions whose docstring is the sentence ---

def p_control():
    """control: without a block the server is reached"""
    assert reached()
    equal(bb.is_blocked(), False)


def p_blocked():
    """blocked, a connect is refused before it happens, with what and why in the error"""
    with rules():
        SERVER.drain()
        error = refused(socket.create_connection, SERVER.address)
        equal(SERVER.drain(), 0, "visits")
        assert isinstance(error, PermissionError)
        equal((error.errno, error.address, error.host), (errno.EACCES, SERVER.address, None))
        assert "Offline" in error.reason and "add_whitelist" in error.tip and str(SERVER.port) in str(error), error
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            equal((type(again), again.args, again.address, again.host, again.reason, again.tip),
                  (type(error), error.args, error.address, error.host, error.reason, error.tip))


def p_tip():
    """what the tip says allows exactly that"""
    with rules():
        tip = refused(socket.create_connection, SERVER.address).tip
        eval("bb." + tip)  # pylint: disable=eval-used
        assert reached() and not reached((LOOPBACK, SERVER.port ^ 1))


def p_taken_before():
    """functions, classes and sockets that were taken before the block are blocked"""
    connect, plain, made = socket.socket.connect, socket._socket.socket, socket.socket()  # pylint: disable=protected-access
    bound = made.connect
    with rules():
        for call in (lambda: connect(socket.socket(), SERVER.address), lambda: plain().connect(SERVER.address), lambda: bound(SERVER.address),
                     lambda: made.connect_ex(SERVER.address)):
            refused(call)
        equal(SERVER.drain(), 0, "visits")
    made.close()


def p_calls():
    """every way to name an address is judged: connect_ex, sendto with and without flags, sendmsg, datagrams connected"""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((LOOPBACK, 0))
    receiver.setblocking(False)
    to = receiver.getsockname()
    with rules():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for call in (lambda: sender.sendto(b"x", to), lambda: sender.sendto(b"x", 0, to), lambda: sender.sendmsg([b"x"], [], 0, to),
                     lambda: sender.connect(to), lambda: sender.connect_ex(to), lambda: sender.bind(("", 0)),
                     lambda: sender.sendto(b"x", socket.MSG_DONTWAIT, (LOOPBACK, to[1]))):
            refused(call)
        raises(BlockingIOError, receiver.recv, 1)
    with rules("127.0.0.1/32"):
        equal((sender.sendto(b"a", to), sender.sendmsg([b"b"], [], 0, to)), (1, 1))
        sender.connect(to)
        equal(sender.send(b"c"), 1)
        equal(b"".join(receiver.recv(1) for _ in range(3)), b"abc")
    sender.close()
    receiver.close()


def p_forms():
    """an address in another form is the same address: 127.1, 0x7f000001, ::ffff:127.0.0.1, the empty host, 0.0.0.0, bytes"""
    with rules():
        for host in ("127.1", "0x7f000001", "2130706433", "", "0.0.0.0", b"127.0.0.1", bytearray(b"127.0.0.1"), "127.000.000.001"):
            refused(socket.socket().connect, (host, SERVER.port))
        for host in ("::ffff:127.0.0.1", "::", "::1", "0:0:0:0:0:0:0:1", "::ffff:7f00:1", ""):
            refused(socket.socket(socket.AF_INET6).connect, (host, SERVER.port))
        equal(SERVER.drain(), 0, "visits")
    with rules("127.0.0.1"):
        for host in ("127.1", "0x7f000001", b"127.0.0.1"):
            with socket.socket() as made:
                made.connect((host, SERVER.port))


def p_entries():
    """entries: address, prefix, port, protocol, IPv6, localhost; what none covers stays blocked"""
    six = Server(socket.AF_INET6, "::1") if socket.has_ipv6 else None
    for entry, yes in ((LOOPBACK, True), ("127.0.0.0/8", True), (f"127.0.0.1:{SERVER.port}", True), (f"127.0.0.1:{SERVER.port ^ 1}", False),
                       (f"127.0.0.1:{SERVER.port}/tcp", True), (f"127.0.0.1:{SERVER.port}/udp", False), ("127.0.0.1/udp", False),
                       ("10.0.0.0/8", False), ("localhost", True), (f"localhost:{SERVER.port}", True), ("::1", False), ("loopback", True),
                       ("example.org", False), ("128.0.0.0/1", False), ("0.0.0.0/1", True)):
        with rules(entry):
            equal(reached(), yes, entry)
            equal(bb.whitelist(), [entry])
            if six:
                equal(reached(six.address), entry in ("localhost", "::1", "loopback"), f"::1 under {entry}")
    if six:
        with rules(f"[::1]:{six.port}/tcp"):
            assert reached(six.address) and not reached()
        six.socket.close()


def p_many_entries():
    """more entries than one portion of the verdict holds are all in force, and each can be removed"""
    with rules(*(f"127.0.{i // 200}.{i % 200 + 1}" for i in range(400))):
        equal(len(bb.whitelist()), 400)
        assert reached()
        bb.remove_whitelist(LOOPBACK)
        assert not reached()
        bb.add_whitelist(f"127.0.0.1:{SERVER.port}")
        assert reached()
        for i in range(400, 1024):
            bb.add_whitelist(f"127.0.{i // 200}.{i % 200 + 1}")
        assert "1024" in str(raises(ValueError, bb.add_whitelist, "10.9.9.9"))
        assert reached()


def p_bad_entries():
    """an entry that is none is refused with what is wrong and what to write, and changes nothing"""
    with rules("127.0.0.1"):
        for entry, word in (("http://example.org/", "host"), ("10.0.0.1/8", "10.0.0.0/8"), ("example.org:99999", "port"), ("*", "*"), ("", "host"),
                            ("::1:80:", "["), ("exa mple.org", "host"), ("10.0.0.1/tcpx", "tcp")):
            error = raises(ValueError, bb.add_whitelist, entry)
            assert entry in str(error) and "--allow" not in str(error), error
        for entry in (None, 5, b"127.0.0.1", ["127.0.0.1"]):
            raises(TypeError, bb.add_whitelist, entry)
        raises(KeyError, bb.remove_whitelist, "127.0.0.2")
        raises(ValueError, bb.profile, "ofline")
        equal((bb.whitelist(), bb.profile()), (["127.0.0.1"], "offline"))


def p_profiles():
    """profiles: local reaches this machine and its network and nothing else; online all; block_network() goes back"""
    with rules(profile="local"):
        assert reached()
        for host in ("203.0.113.9", "100.64.0.1", "169.254.169.254"):
            refused(socket.socket().connect, (host, 9))
        equal((bb.profile(), bb.is_blocked()), ("local", True))
        bb.allow_network()
        equal((bb.profile(), bb.is_blocked()), ("online", False))
        bb.block_network()
        equal(bb.profile(), "local")
        bb.profile("offline")
        assert not reached()


def p_kinds():
    """sockets of other kinds than TCP, UDP, UDP-Lite and ping do not exist for blocked code; AF_UNIX, socketpair and pipes do"""
    kinds = [(socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET, socket.SOCK_STREAM, 262), (socket.AF_PACKET, socket.SOCK_RAW, 0),
             (socket.AF_INET, socket.SOCK_SEQPACKET, 132), (40, socket.SOCK_STREAM, 0), (31, socket.SOCK_RAW, 0),
             (29, socket.SOCK_RAW, 1), (socket.AF_NETLINK, socket.SOCK_RAW, 12)]
    for profile in ("offline", "local"):
        with rules("0.0.0.0/1", profile=profile):
            for kind in kinds:
                refused(socket.socket, *kind)
            for pair in (socket.socketpair(), socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)):
                pair[0].send(b"x")
                equal(pair[1].recv(1), b"x")
                pair[0].close()
                pair[1].close()
            with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
                server.bind(f"\0netguard-{os.getpid()}")
                server.listen()
                client.connect(server.getsockname())
                server.accept()[0].close()
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()
            assert socket.if_nameindex()
    with rules("127.0.0.1"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136) as made:
        refused(made.sendto, b"x", ("203.0.113.9", 9))
        refused(made.sendmsg, [b"x"], [], 0, ("203.0.113.9", 9))
        refused(made.connect, ("203.0.113.9", 9))
        made.connect(SERVER.address)


def p_temporary():
    """allow_temporary() nests, ends with its block also after an exception, and no object of it permits anything afterwards"""
    with rules():
        with bb.allow_temporary():
            assert reached()
            with bb.allow_temporary():
                assert reached()
            assert reached()
        assert not reached()
        with contextlib.suppress(ZeroDivisionError), bb.allow_temporary():
            assert reached()
            raise ZeroDivisionError
        assert not reached()
        kept = bb.allow_temporary()
        with kept:
            raises(RuntimeError, kept.__enter__)
            assert reached()
        assert not reached()
        with kept:
            assert reached()
        assert not reached()

        def generator():
            with bb.allow_temporary():
                yield

        left = generator()
        next(left)
        left.close()
        assert not reached()
        equal(bb.is_blocked(), True)


def p_temporary_copies():
    """a copy of the context that outlives the block permits nothing"""
    import contextvars  # pylint: disable=import-outside-toplevel
    with rules():
        with bb.allow_temporary():
            copied = contextvars.copy_context()
            assert copied.run(reached)
        assert not copied.run(reached)


def p_threads():
    """32 threads, half of them inside allow_temporary() by turns: none has it from another"""
    wrong, barrier = [], threading.Barrier(32)

    def worker(number):
        barrier.wait()
        for turn in range(20):
            if (number + turn) % 2:
                with bb.allow_temporary():
                    wrong.extend([] if reached() else [f"{number} should reach"])
            else:
                wrong.extend([f"{number} should not reach"] if reached() else [])

    with rules(), accepting():
        threads = [threading.Thread(target=worker, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with bb.allow_temporary():
            started = threading.Thread(target=lambda: wrong.extend(["a thread inherits"] if reached() else []))
            started.start()
            started.join()
    equal(wrong, [])


def p_tasks():
    """1,000 asyncio tasks, some inside allow_temporary(), some not: none has it from another"""
    wrong = []

    async def reach():
        try:
            _, writer = await asyncio.open_connection(*SERVER.address)
        except bb.NetworkBlockedError:
            return False
        writer.close()
        return True

    async def task(number, gate):
        async with gate:
            if number % 3:
                wrong.extend([f"{number} should not reach"] if await reach() else [])
                return
            with bb.allow_temporary():
                await asyncio.sleep(0)
                wrong.extend([] if await reach() else [f"{number} should reach"])
                await asyncio.sleep(0)
            wrong.extend([f"{number} should not reach any more"] if await reach() else [])

    async def main():
        gate = asyncio.Semaphore(60)
        await asyncio.gather(*(task(number, gate) for number in range(1000)))

    with rules(), accepting():
        asyncio.run(main())
    equal(wrong, [])


def p_on_behalf():
    """what a task starts inside the block has the permission as long as the block lasts: tasks, to_thread, executors, lookups"""
    async def main():
        loop, later = asyncio.get_running_loop(), asyncio.Event()

        async def child():
            first = await loop.run_in_executor(None, reached)
            later.set()
            await ended.wait()
            return first, await loop.run_in_executor(None, reached), reached()

        ended = asyncio.Event()
        with bb.allow_temporary():
            task = asyncio.create_task(child())
            await later.wait()
            assert await loop.run_in_executor(None, reached)
            assert await loop.getaddrinfo("localhost", 80)
            if hasattr(asyncio, "to_thread"):
                assert await asyncio.to_thread(reached)
            assert await asyncio.wait_for(loop.run_in_executor(None, reached), 10)
        ended.set()
        equal(await task, (True, False, False))
        assert not await loop.run_in_executor(None, reached)
        with contextlib.suppress(bb.NetworkBlockedError):
            await loop.getaddrinfo("localhost", 80)
            raise AssertionError("looked up")

    with rules():
        asyncio.run(main())


def p_lookups():
    """lookups: what is no name needs none, a name that no entry has is refused before it is asked for, localhost goes with loopback"""
    functions = (lambda name: socket.getaddrinfo(name, 80), socket.gethostbyname, socket.gethostbyname_ex,
                 lambda name: socket.socket().connect((name, 80)), lambda name: socket.socket().connect_ex((name, 80)),
                 lambda name: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (name, 80)),
                 lambda name: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, (name, 80)),
                 lambda name: socket.socket().bind((name, 0)))
    with rules("example.org", "10.0.0.0/8"):
        for name in ("example.net", "badexample.org", "org", "localhost", "b\u00fccher.example", "bad name"):
            for function in functions:
                error = refused(function, name)
                assert error.host or name == "localhost", f"{error!r}"
        assert socket.getaddrinfo("127.0.0.1", 80) and socket.getaddrinfo(None, 80) and socket.gethostbyname("10.1.2.3") == "10.1.2.3"
        refused(socket.gethostbyaddr, "203.0.113.9")
        refused(socket.getnameinfo, ("203.0.113.9", 80), 0)
    with rules("127.0.0.1"):
        assert (LOOPBACK, 80) in [entry[4][:2] for entry in socket.getaddrinfo("localhost", 80)]
        equal(socket.gethostbyname("LOCALHOST"), LOOPBACK)
        with socket.socket() as made:
            made.connect(("localhost", SERVER.port))
        equal(socket.getnameinfo(("203.0.113.9", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV), ("203.0.113.9", "80"))
        refused(socket.getnameinfo, ("203.0.113.9", 80), socket.NI_NUMERICSERV)


def p_hosts():
    """a name that /etc/hosts gives to a whitelisted address, such as this machine's own, is found there; nobody is asked for another family"""
    with open("/etc/hosts", encoding="utf-8") as file:
        lines = [line.partition("#")[0].split() for line in file]
    names = [(name, line[0]) for line in lines if line and line[0].startswith("127.") for name in line[1:]
             if name != "localhost" and not name.endswith(".localdomain")]
    if not names:
        return "/etc/hosts has no name of 127.0.0.0/8 but localhost"
    name, address = names[0]
    with rules("127.0.0.0/8"):
        equal(socket.gethostbyname(name), address)
        assert address in [entry[4][0] for entry in socket.getaddrinfo(name, 80)]
        if not any(name in line[1:] and ":" in line[0] for line in lines):
            refused(socket.getaddrinfo, name, 80, socket.AF_INET6)
    with rules("10.0.0.0/8"):
        refused(socket.gethostbyname, name)
        refused(socket.getaddrinfo, name, 80)
    return None


def p_client_of_its_own():
    """a client of the library that was given a connection of its own, as tests do it, is left alone; with a real one it is refused"""
    import http.client  # pylint: disable=import-outside-toplevel
    with rules("127.0.0.1"):
        client = http.client.HTTPConnection("example.org")
        client._create_connection = lambda *args: socket.create_connection(SERVER.address)  # pylint: disable=protected-access
        client.request("GET", "/")
        client.close()
        SERVER.drain()
        refused(http.client.HTTPConnection("example.org").request, "GET", "/")
        refused(http.client.HTTPConnection("203.0.113.9").request, "GET", "/")


def p_same_errors():
    """what is no address at all raises what it raises without us"""
    calls = [lambda made: made.connect(5), lambda made: made.connect((1, 2)), lambda made: made.connect(("127.0.0.1",)), lambda made: made.connect(("127.0.0.1", 70000)),
             lambda made: made.connect(("127.0.0.1", "http")), lambda made: made.sendto(b"x"), lambda made: made.sendmsg([b"x"], [], 0, 7), lambda made: made.connect(),
             lambda made: made.connect(("a\0b", 1)), lambda made: made.bind(None), lambda made: made.connect_ex("x"), lambda made: made.accept(1)]

    def said():
        found = []
        for call in calls:
            with socket.socket() as made:
                try:
                    call(made)
                except BaseException as error:  # pylint: disable=broad-except
                    found.append((type(error), str(error)))
        return found

    before = said()
    with rules("127.0.0.1"):
        equal(said(), before)
    equal(len(before), len(calls))
    with rules(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:  # also where the address is refused
        refused_address = ("203.0.113.9", 9)
        for arguments in (("text", refused_address), (b"x", "flags", refused_address), (b"x", 0, refused_address, 4)):
            raises(TypeError, made.sendto, *arguments)
        taken = bytearray(b"x")
        refused(made.sendto, taken, refused_address)
        taken += b"y"  # CPython would still hold it


def p_descriptors():
    """a socket made out of a descriptor is judged by its peer: fileno=, fromfd(), received over AF_UNIX; the descriptor stays open"""
    with socket.create_connection(SERVER.address) as made:
        SERVER.drain()
        one, other = socket.socketpair()
        one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))])
        received = array.array("i", other.recvmsg(1, 100)[1][0][2])[0]
        with rules():
            refused(socket.socket, fileno=received)
            refused(socket._socket.socket, fileno=received)  # pylint: disable=protected-access
            refused(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 0, received)
            refused(socket.fromfd, made.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            refused(made.dup)
            os.fstat(received)
            refused(socket.socket, 43, 99, 7, received)  # what is said of it counts for nothing
        with rules("127.0.0.1"):
            equal(socket.socket(43, 99, 7, received).detach(), received)
            socket.socket(fileno=received).close()
        one.close()
        other.close()


def p_reached():
    """being reached counts: a connection from where nothing may be reached is closed and not handed out"""
    def visit(source):
        pid = os.fork()
        if pid == 0:
            bb.allow_network()
            made = socket.socket()
            made.bind((source, 0))
            made.connect(SERVER.address)
            made.settimeout(10)
            try:
                os._exit(0 if made.recv(1) else 1)
            except OSError:
                os._exit(1)
        return pid

    SERVER.socket.settimeout(10)
    with rules("127.0.0.5"):
        stranger, friend = visit("127.0.0.6"), visit("127.0.0.5")
        made, peer = SERVER.socket.accept()
        equal(peer[0], "127.0.0.5")
        made.send(b"x")
        made.close()
        equal(os.waitstatus_to_exitcode(os.waitpid(friend, 0)[1]), 0, "the friend's")
        SERVER.socket.settimeout(0.2)
        with contextlib.suppress(OSError):
            SERVER.socket.accept()
        equal(os.waitstatus_to_exitcode(os.waitpid(stranger, 0)[1]), 1, "the stranger's")
        equal([record["address"] for record in bb.attempts() if record["call"] == "accept"], ["127.0.0.6"])


def p_datagrams():
    """datagrams from where nothing may be reached are dropped and not handed out: recvfrom, recvmsg and their kin, peeked at or not"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        receiver.bind((LOOPBACK, 0))
        receiver.setblocking(False)
        friend.bind(("127.0.0.5", 0))
        stranger.bind(("127.0.0.6", 0))
        buffer = bytearray(10)
        for receive in (lambda: receiver.recvfrom(10), lambda: receiver.recvfrom(10, socket.MSG_PEEK), lambda: receiver.recvfrom_into(buffer),
                        lambda: receiver.recvfrom_into(buffer, flags=socket.MSG_PEEK), lambda: receiver.recvmsg(10),
                        lambda: receiver.recvmsg(10, 0, socket.MSG_PEEK), lambda: receiver.recvmsg_into([buffer])):
            for sender in (stranger, stranger, friend, stranger):
                sender.sendto(b"x", receiver.getsockname())
            with rules("127.0.0.5"):
                equal(receive()[-1][0], "127.0.0.5")
                equal({record["address"] for record in bb.attempts()}, {"127.0.0.6"})
                with contextlib.suppress(BlockingIOError):
                    while receiver.recvfrom(10)[1][0] == "127.0.0.5":
                        pass
        with rules("127.0.0.5"):
            raises(BlockingIOError, receiver.recvfrom, 10)


def p_attempts():
    """attempts are on record once for each kind, with count, stack, tip and the call; the record is bounded"""
    def somewhere():
        refused(socket.socket().connect, SERVER.address)

    with rules():
        for _ in range(5):
            somewhere()
        refused(socket.gethostbyname, "example.org")
        first, second = bb.attempts()
        equal([first[key] for key in ("call", "api", "address", "port", "protocol", "family", "verdict", "reason", "errno", "count", "class", "pid", "source")],
              ["connect", "socket.connect", LOOPBACK, SERVER.port, "tcp", "ipv4", "deny", "offline", "EACCES", 5, "machine", os.getpid(), "python"])
        assert any("in somewhere" in line for line in first["stack"]), first["stack"]
        equal([second[key] for key in ("call", "api", "name", "address", "count")], ["resolve", "socket.gethostbyname", "example.org", None, 1])
        bb.clear_attempts()
        equal(bb.attempts(), [])
        for port in range(1, 1400):
            refused(socket.socket().connect, (LOOPBACK, port))
        equal(len(bb.attempts()), 1024)
        equal(bb._core.lost_attempts(), 1399 - 1024)  # pylint: disable=protected-access


def p_callback():
    """on_attempt() is told of each; one that raises or connects in turn neither breaks nor loops"""
    told, unraisable = [], []

    def callback(record):
        told.append(record["count"])
        with contextlib.suppress(bb.NetworkBlockedError):
            socket.create_connection(SERVER.address)
        raise ValueError("of the callback")

    hook, sys.unraisablehook = sys.unraisablehook, lambda args: unraisable.append(args.exc_value)
    try:
        with rules():
            bb.on_attempt(callback)
            equal([reached() for _ in range(3)], [False] * 3)
            bb.on_attempt(None)
            equal(reached(), False)
    finally:
        sys.unraisablehook = hook
        bb.on_attempt(None)
    equal((len(told), len(unraisable)), (3, 3))
    raises(TypeError, bb.on_attempt, 5)


def main():
    for point in [point for module in (globals(), vars(rules_hostile)) for name, point in module.items() if name.startswith("p_")]:
        try:
            said = point()
            print(f"skip {point.__doc__}: {said}" if said else f"ok {point.__doc__}", flush=True)
        except BaseException as error:  # pylint: disable=broad-except
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"not ok {point.__doc__}: {type(error).__name__} {error} at {where.lineno}".replace("\n", " "), flush=True)
        bb.profile("online")
        SERVER.drain()


main()
