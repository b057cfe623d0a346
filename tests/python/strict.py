#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""block_network(strict=True): the filter over a whole process, with the peers' counters as judge where something is sent.

That each way around is stopped is ways.py's; here is what it does to the process, what goes on working, and what is permitted
with the launcher as supervisor. As root and as an ordinary user.
"""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))

# pylint: disable=wrong-import-position
from runlab import INET4, INET6, LAN4, LAN6, PEOPLE, ROOT, USER, RunLab, alive, expect, require_run  # noqa: E402
from lab import build_file, wait_for  # noqa: E402
from tap import Tap, expect_equal  # noqa: E402

PYTHON = "/usr/bin/python3"
PRELUDE = f"""
import ctypes, os, socket, struct, sys, threading
import python_blackbox as b
libc = ctypes.CDLL(None, use_errno=True)
INET4, INET6, LAN4, LAN6 = {INET4!r}, {INET6!r}, {LAN4!r}, {LAN6!r}
def native(host, port=7001):
    "A datagram past Python: 'sent' or the error's name."
    import errno
    family = 10 if ':' in host else 2
    made = libc.socket(family, 2, 0)
    if made < 0: return errno.errorcode[ctypes.get_errno()]
    address = struct.pack('=H', family) + struct.pack('!H', port)
    address += socket.inet_aton(host) + bytes(8) if family == 2 else bytes(4) + socket.inet_pton(10, host) + bytes(4)
    sent = libc.sendto(made, b'x', 1, 0, address, len(address))
    return 'sent' if sent == 1 else errno.errorcode[ctypes.get_errno()]
def status(word):
    "A line of each thread's status."
    found = set()
    for thread in os.listdir('/proc/self/task'):
        for line in open(f'/proc/self/task/{{thread}}/status'):
            if line.startswith(word + ':'): found.add(line.split()[1])
    return sorted(found)
def caught(function, *arguments):
    try: function(*arguments)
    except Exception as error: return f'{{type(error).__name__}}: {{error}}'
    return 'nothing'
def strict(**more):
    return caught(lambda: b.block_network(strict=True, **more))
"""
MANAGERS = """
def square(n): return n * n
if __name__ == '__main__':
    strict_first = strict()
    assert strict_first == 'nothing', strict_first
    import asyncio, multiprocessing
    async def children():
        child = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
        assert (await child.communicate(b'through'))[0] == b'through'
        server = await asyncio.start_unix_server(lambda r, w: (w.write(b'served'), w.close()), path)
        r, w = await asyncio.open_unix_connection(path)
        assert await r.read() == b'served'
        return await asyncio.get_running_loop().run_in_executor(None, square, 4)
    import tempfile
    path = tempfile.mkdtemp() + '/socket'
    assert asyncio.run(children()) == 16
    for method in ('fork', 'spawn', 'forkserver'):
        context = multiprocessing.get_context(method)
        with context.Manager() as manager, context.Pool(2) as pool:
            known = manager.dict()
            known['x'] = pool.map(square, range(4))
            assert dict(known) == {'x': [0, 1, 4, 9]}
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.send(b'x'); assert right.recv(1) == b'x'
    socket.if_nameindex()
    print('all of it')
"""


class Suite:
    def __init__(self, lab, tap):
        self.lab, self.tap = lab, tap
        self.place = f"{lab.dir}/import"
        shutil.copytree(build_file("src", "python", "import"), self.place)
        os.chmod(self.place, 0o755)

    def run(self, text, uid=USER, launcher=True, seconds=30, file=False):
        argv = [PYTHON, "-c", PRELUDE + text]
        if file:  # spawn reads the main module again
            path = f"{self.lab.work[uid]}/program.py"
            with open(path, "w", encoding="ascii") as out:
                out.write(PRELUDE + text)
            argv = [PYTHON, path]
        environment = {"PYTHONPATH": self.place, "NETGUARD_RUN": self.lab.launcher if launcher else "/nonexistent"}
        return self.lab.confine(None, argv, uid, log=False, env=environment, seconds=seconds, cwd=self.lab.work[uid])

    def says(self, wanted, text, silent=("inet",), **options):
        """The program prints just this, and nothing arrives at these peers."""
        with self.lab.counting() as packets:
            run = self.run(text, **options)
        expect_equal(run.out.strip(), wanted, f"what the program prints ({run.err.strip()[-600:]})")
        for peer in silent:
            expect(not packets.everything(peer), f"packets arrived: {packets}")
        return packets

    # -- without the launcher ------------------------------------------------------------------------------------------

    def whole_process(self):
        for uid, who in PEOPLE:
            with self.tap.point(f"{who}: every thread has the filter, those that ran before and those that come"):
                self.says("['0'] nothing ['2'] ['1'] ['EACCES', 'EACCES', 'EACCES']", """
go, found = threading.Event(), []
def work(): go.wait(); found.append(native(INET4))
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
print(status('Seccomp'), strict(), status('Seccomp'), status('NoNewPrivs'), end=' ')
go.set()
for thread in threads: thread.join()
later = threading.Thread(target=work); later.start(); later.join()
print(found)""", uid=uid, launcher=False)
            with self.tap.point(f"{who}: nothing can be loosened afterwards, and each refusal says why"):
                run = self.run("""
print(strict())
for name in ('allow_network()', 'allow_temporary().__enter__()', 'profile("online")', 'profile("local")',
             'add_whitelist("example.org")'):
    try: eval('b.' + name)
    except RuntimeError as error: print('strict=True' in str(error), name)
print(b.is_blocked(), b.profile(), b.whitelist(), strict())""", uid=uid, launcher=False)
                expect_equal(run.out.split("\n")[:-1], [
                    "nothing", "True allow_network()", "True allow_temporary().__enter__()", 'True profile("online")',
                    'True profile("local")', 'True add_whitelist("example.org")', "True offline [] nothing"], run)
            with self.tap.point(f"{who}: AF_UNIX, asyncio, its children and multiprocessing go on working"):
                self.says("all of it", MANAGERS, uid=uid, launcher=False, file=True)
            with self.tap.point(f"{who}: what it starts has the filter, too"):
                self.says("nothing 1 1", f"""
import subprocess
print(strict(), subprocess.run(['bash', '-c', 'echo x > /dev/udp/{INET4}/7001'], stderr=-3).returncode,
      os.waitstatus_to_exitcode(os.system("bash -c 'echo x > /dev/udp/{INET4}/7001' 2> /dev/null")))""", uid=uid, launcher=False)
        with self.tap.point("a child that was forked after it cannot undo it either"):
            self.says("nothing EACCES RuntimeError", """
print(strict(), flush=True, end=' ')
if os.fork() == 0:
    print(native(INET4), caught(b.allow_network).split(':')[0], flush=True); os._exit(0)
os.wait()""")

    def while_busy(self):
        with self.tap.point("threads that accept, connect and lock in meanwhile: one locks in, and no Internet socket is left"):
            self.says("True True [] []", """
with b.allow_temporary(): server = socket.create_server(('127.0.0.1', 0), backlog=100)
b.allow_network()
enough, made, said = threading.Event(), [], []
def keep(fd):
    made.append(fd)
    if len(made) > 200: enough.set()
def accept():
    while True: keep(server._accept()[0])
def connect():
    while True:
        s = socket.socket(); s.connect(address); keep(s.detach())
def quietly(function):
    try: function()
    except OSError: pass
address = server.getsockname()
busy = [threading.Thread(target=quietly, args=(function,)) for function in (accept, accept, connect, connect)]
for thread in busy: thread.start()
enough.wait()
lock = [threading.Thread(target=lambda: said.append(strict())) for _ in range(3)]
for thread in lock: thread.start()
for thread in lock + busy: thread.join(5)
print('nothing' in said, all(one == 'nothing' or 'another thread' in one for one in said),
      [thread for thread in busy if thread.is_alive()], b.protection()['existing'])""", launcher=False)

    def refused(self):
        nothing = "['0'] ['0'] False offline True"
        after = "print(status('Seccomp'), status('NoNewPrivs'), b.protection()['strict'], b.profile(), keeps())"
        before = """
import _socket
mine, other = socket.socketpair()
with b.allow_temporary(): old = socket.create_server(('127.0.0.1', 0))
def keeps(): return os.readlink(f'/proc/self/fd/{old.fileno()}') == link and bool(old.getsockopt(1, 30))
link = os.readlink(f'/proc/self/fd/{old.fileno()}')
"""
        for title, cause, word in (
                ("with something on the whitelist and no launcher", "b.add_whitelist('192.0.2.1')", "not installed"),
                ("beside an io_uring", "p = ctypes.create_string_buffer(120); assert libc.syscall(425, 4, p) > 0", "io_uring"),
                ("beside an io_uring whose descriptor is closed", """
import mmap
p = ctypes.create_string_buffer(120); fd = libc.syscall(425, 4, p); kept = mmap.mmap(fd, 4096)
os.close(fd)""", "io_uring"),
                ("beside a thread that has a filter of its own", """
ready, end = threading.Event(), threading.Event()
def filtered():
    class Program(ctypes.Structure): _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_char_p)]
    code = struct.pack('=HBBI', 6, 0, 0, 0x7fff0000)
    libc.prctl(38, 1, 0, 0, 0); assert libc.syscall(317, 1, 0, ctypes.byref(Program(1, code))) == 0
    ready.set(); end.wait()
thread = threading.Thread(target=filtered, daemon=True); thread.start(); ready.wait()""", "filter of its own")):
            with self.tap.point(f"{title}: RuntimeError says so, and nothing is changed"):
                run = self.run(f"{before}\n{cause}\nprint(strict())\n{after}", launcher=False)
                said, *rest = run.out.strip().split("\n")
                expect(said.startswith("RuntimeError: strict: ") and word in said and "No filter has been installed" in said, run)
                wanted = "['0', '2'] ['0', '1'] False offline True" if "thread" in title else nothing
                expect_equal(rest, [wanted], "afterwards")

    def existing(self):
        opened = f"""
with b.allow_temporary():
    far = socket.create_connection((INET4, 7001)); near = socket.create_connection((LAN4, 7001))
    listens = socket.create_server(('', 7100)); free = socket.socket(2, 2)
b.add_whitelist(LAN4)
def echo(s):
    try: s.settimeout(3); s.sendall(b'x'); return s.recv(1) == b'x'
    except OSError as error: return type(error).__name__
names = {{far.fileno(): 'far', near.fileno(): 'near', listens.fileno(): 'listens', free.fileno(): 'free'}}
def told(): return sorted((names[one['fd']], one['state'], one['permitted']) for one in b.protection()['existing'])
"""
        all_four = ("[('far', 'connected', False), ('free', 'unconnected', False), ('listens', 'listening', False), "
                    "('near', 'connected', True)]")
        with self.tap.point("existing=\"keep\": sockets stay as they are, and protection() lists them, also in words"):
            self.says(f"{all_four} True True True", opened + """
b.block_network(existing='keep')
words = INET4 + ':7001', LAN4 + ':7001 (permitted)', 'listening'
print(told(), echo(far), echo(near), all(word in str(b.protection()) for word in words))""", silent=())
        with self.tap.point("existing=\"shutdown\": those end that lead to nobody permitted, listening ones too"):
            self.says("[('near', 'connected', True)] BrokenPipeError True True", opened + """
b.block_network(existing='shutdown')
print(told(), echo(far), echo(near), native(LAN4) == 'sent')""", silent=())
        with self.tap.point("strict: the same, and what is permitted goes on"):
            self.says("nothing [('near', 'connected', True)] BrokenPipeError True",
                      opened + "print(strict(), told(), echo(far), echo(near))", silent=())

    def told(self):
        for launcher in (False, True):
            with self.tap.point(f"protection() says what is in force, also in words, {'with' if launcher else 'without'} launcher"):
                run = self.run(f"""
before = b.protection()
{'b.add_whitelist(LAN4)' if launcher else ''}
print(strict()); after = b.protection()
for told in (before, after):
    print(*(bool(told[key]) for key in ('hook', 'filter', 'strict', 'supervisor')), all(told['doors'].values()))
ids = lambda told, key: {{one['id'] for one in told[key]}}
print('native' in ids(before, 'not_covered'), 'native' in ids(after, 'not_covered'), 'native' in ids(after, 'covered'))
print('Strict: no.' in str(before), 'Strict: yes' in str(after), 'pycurl' in str(before), 'pycurl' in str(after))
b.block_network()""", launcher=launcher)
                expect_equal(run.out.split("\n")[:-1], [
                    "nothing", "True False False False True", f"True True True {launcher} True", "True False True",
                    "True True True False"], run)

    # -- with it -------------------------------------------------------------------------------------------------------

    def permitted(self):
        for uid, who in PEOPLE:
            with self.tap.point(f"{who}: with the launcher, the whitelist counts for machine code, too"):
                packets = self.says("nothing sent ENETUNREACH xxx", """
import subprocess
b.add_whitelist(LAN4)
print(strict(), native(LAN4), native(INET4), end=' ')
with socket.create_connection((LAN4, 7001), 3) as s: s.sendall(b'xxx'); print(s.recv(3).decode())""", uid=uid)
                expect(packets.everything("lan"), packets)
            with self.tap.point(f"{who}: a whitelisted name is found and reached by a C library, others are not"):
                self.says("nothing 200 refused refused", """
b.add_whitelist('api.example.org')
import pycurl
def get(url):
    c = pycurl.Curl(); c.setopt(c.URL, url); c.setopt(c.TIMEOUT, 5); c.setopt(c.WRITEFUNCTION, lambda data: None)
    try: c.perform()
    except pycurl.error: return 'refused'
    return c.getinfo(c.RESPONSE_CODE)
hosts = 'api.example.org', 'lan.example.org', LAN4
print(strict(), *(get(f'http://{host}:7000/hello') for host in hosts))""",
                          uid=uid, silent=("lan",))
            with self.tap.point(f"{who}: under Local the network at hand is reached, IPv4 and IPv6, and the Internet is not"):
                self.says("nothing sent sent ENETUNREACH ENETUNREACH", """
b.profile('local')
print(strict(), native(LAN4), native(LAN6), native(INET4), native(INET6))""", uid=uid)
            with self.tap.point(f"{who}: what it starts is held to the same by the same launcher"):
                packets = self.says("nothing 0 1", """
import subprocess
b.add_whitelist(LAN4); print(strict(), end=' ')
def send(host): return subprocess.run(['bash', '-c', f'echo x > /dev/udp/{host}/7001'], stderr=-3).returncode
print(send(LAN4), send(INET4))""", uid=uid)
                expect(packets.everything("lan"), packets)
            with self.tap.point(f"{who}: AF_UNIX among its own, asyncio and multiprocessing go on working with the launcher"):
                text = MANAGERS.replace("    strict_first", "    b.add_whitelist(LAN4)\n    strict_first", 1)
                self.says("all of it", text, uid=uid, file=True)
        with self.tap.point("with the launcher, daemons of the machine are cut off"):
            self.says("nothing PermissionError", f"""
b.add_whitelist(LAN4); print(strict(), end=' ')
print(caught(socket.socket(socket.AF_UNIX).connect, {self.lab.daemon.folder + '/h'!r}).split(':')[0])""", uid=ROOT)
        with self.tap.point("when the launcher is ended, nothing passes any more"):
            self.says("nothing sent True", """
import signal
b.add_whitelist(LAN4); print(strict(), native(LAN4), end=' ')
launcher = b.protection()['supervisor']; pidfd = os.pidfd_open(launcher); os.kill(launcher, signal.SIGKILL)
import select; select.select([pidfd], [], [])
print(native(LAN4) != 'sent')""", uid=ROOT)
        with self.tap.point("the launcher ends with the process"):
            run = self.run("b.add_whitelist(LAN4); strict(); print(b.protection()['supervisor'])")
            wait_for(lambda: not alive(int(run.out)), 5, "the launcher has ended")
        with self.tap.point("a whitelist that the launcher cannot take whole is refused, and nothing is changed"):
            run = self.run("for n in range(40): b.add_whitelist(f'192.0.2.{n}')\nprint(strict(), status('Seccomp'))")
            expect("too long for the launcher" in run.out and "['0']" in run.out, run)


def main():
    require_run(("setpriv",))
    tap = Tap()
    suite = Suite(RunLab(), tap)
    suite.whole_process()
    suite.while_busy()
    suite.refused()
    suite.existing()
    suite.told()
    suite.permitted()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
