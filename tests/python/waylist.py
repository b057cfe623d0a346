# SPDX-License-Identifier: MIT
"""The ways to the network that a Python program has: row 31 of the ways around, and of rows 12 to 18 and 26 what applies to an
interpreter. Each is a small program in two parts, one that runs before the block and one that runs after it. HOST is the peer;
ports are those of tests/netns/peers.py. A way is

    covered     the module alone refuses it with NetworkBlockedError, and nothing arrives at any peer
    named       the module alone cannot see it: protection() has its word in "not_covered", and strict stops it
    strict      as `named`, but not even strict stops it: protection() says so under strict, too
"""


class Way:
    """`before` and `after` are Python text; `named` is a word of protection(), or None: covered.

    kinds: what else there is to know:
        kind        a kind of socket that confined code does not get at all, whoever the peer is
        name        it looks a name up
        existing    it uses a socket from before the block, which existing="shutdown" ends
        reached     a peer connects, or sends a datagram, to CLIENT:7100 meanwhile
        process     it starts a program, which is confined and does not raise
        said        judged by what it says: no packet could arrive
        waits       what arrives is turned away and it waits for the next: it ends by an alarm of its own
        inet        only the Internet counts: to others it may speak
        quiet       it has no error to raise, or hides it
    """

    def __init__(self, name, after, before="", named=None, kinds="", strict=False, needs=()):
        self.name, self.after, self.before, self.named = name, after, before, named
        self.kinds, self.strict, self.needs = kinds.split(), strict, needs

    def is_a(self, kind):
        return kind in self.kinds


# What the programs share. It imports nothing that the module could mind.
PRELUDE = r"""
import os, sys
HOST, FAMILY, SEND, FOLDER, DAEMON, VICTIM = sys.argv[1], int(sys.argv[2]), *sys.argv[3:7]
sys.path.append(FOLDER)
def talk(s):
    "Something there and something back, over a connection."
    s.settimeout(3); s.sendall(b'hello'); assert s.recv(5), 'nothing came back'
def tcp(proto=0):
    import socket
    s = socket.socket(FAMILY, socket.SOCK_STREAM, proto); s.settimeout(3); s.connect((HOST, 7001)); return s
def udp():
    import socket
    s = socket.socket(FAMILY, socket.SOCK_DGRAM); s.settimeout(3); return s
def came(data):
    if data != b'knock': raise OSError('it has ended')
def done(failure):
    "Of a sub-interpreter: 3.13 returns what it raised."
    if failure: raise OSError(str(failure.formatted))
def libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)
def good(result):
    import ctypes
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def packed(port=7001):
    "A struct sockaddr."
    import socket, struct
    if FAMILY == socket.AF_INET: return struct.pack('=H', 2) + struct.pack('!H', port) + socket.inet_aton(HOST) + bytes(8)
    return struct.pack('=H', 10) + struct.pack('!HI', port, 0) + socket.inet_pton(10, HOST) + bytes(4)
"""

# What is turned away is not told to a program that waits for it.
ALARM = "import signal; signal.signal(signal.SIGALRM, lambda *a: 1 / 0); signal.alarm(1)\n"

# Something must be permitted, so that it can be mistaken for something else.
WHITELISTED = "import python_blackbox; python_blackbox.add_whitelist('192.168.77.10')"

# What a process of multiprocessing runs is in senders.py, which the test writes.
MULTIPROCESSING = """
import multiprocessing
def send(method, function):
    import senders
    process = multiprocessing.get_context(method).Process(target=getattr(senders, function), args=(HOST, FAMILY))
    process.start(); process.join()
    assert process.exitcode == 0, 'it failed'"""
SENDERS = """
import ctypes, socket, struct

def send(host, family):
    socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (host, 7001))

def send_by_ctypes(host, family):
    libc = ctypes.CDLL(None)
    address = struct.pack('=H', family) + struct.pack('!H', 7001)
    if family == socket.AF_INET:
        address += socket.inet_aton(host) + bytes(8)
    else:
        address += bytes(4) + socket.inet_pton(family, host) + bytes(4)
    made = libc.socket(family, socket.SOCK_DGRAM, 0)
    assert libc.sendto(made, b'x', 1, 0, address, len(address)) == 1
"""

WAYS = [
    # -- sockets, however they were come by ----------------------------------------------------------------------------
    Way("socket imported before", "talk(socket.create_connection((HOST, 7001), 3))", "import socket"),
    Way("from socket import socket before", "s = S(FAMILY); s.connect((HOST, 7001)); talk(s)",
        "from socket import socket as S"),
    Way("_socket.socket itself", """
import _socket
s = _socket.socket(FAMILY, 1, 0)
s.connect((HOST, 7001))
s.send(b'x')"""),
    Way("a class made of _socket.socket before", "s = T(FAMILY, 1, 0); s.connect((HOST, 7001)); s.send(b'x')", """
import _socket
class T(_socket.socket):
    def connect(self, a): return _socket.socket.connect(self, a)"""),
    Way("a socket made before, connected after", "s.connect((HOST, 7001)); talk(s)",
        "import socket; s = socket.socket(FAMILY); s.settimeout(3)"),
    Way("a bound method taken before", "c((HOST, 7001)); s.send(b'x')",
        "import socket; s = socket.socket(FAMILY); c = s.connect"),
    Way("_socket.socket.connect taken before", "s = _socket.socket(FAMILY); c(s, (HOST, 7001)); s.send(b'x')",
        "import _socket; c = _socket.socket.connect"),
    Way("connect_ex", """
e = tcp_ex()
if e: raise OSError(e, os.strerror(e))""", """
def tcp_ex():
    import socket
    s = socket.socket(FAMILY)
    s.settimeout(3)
    return s.connect_ex((HOST, 7001))"""),
    Way("connect_ex without waiting", """
import socket, select
s = socket.socket(FAMILY)
s.setblocking(False)
e = s.connect_ex((HOST, 7001))
if e != 115:
    raise OSError(e, os.strerror(e))
select.select([], [s], [], 3)
s.send(b'x')"""),
    Way("UDP sendto", "udp().sendto(b'x', (HOST, 7001))"),
    Way("UDP sendto with flags", "udp().sendto(b'x', 0x4000, (HOST, 7001))"),
    Way("UDP sendto on a socket made before", "s.sendto(b'x', (HOST, 7001))", "s = udp()"),
    Way("UDP sendmsg", "udp().sendmsg([b'x'], [], 0, (HOST, 7001))"),
    Way("UDP connect and send", "s = udp(); s.connect((HOST, 7001)); s.send(b'x')"),
    Way("TCP Fast Open by sendto", """
import socket
s = socket.socket(FAMILY)
s.settimeout(3)
s.sendto(b'x', 0x20000000, (HOST, 7001))"""),
    Way("TCP Fast Open by sendmsg", """
import socket
s = socket.socket(FAMILY)
s.settimeout(3)
s.sendmsg([b'x'], [], 0x20000000, (HOST, 7001))"""),
    Way("TCP Fast Open by an option", """
import socket
s = socket.socket(FAMILY)
s.settimeout(3)
s.setsockopt(6, 30, 1)
s.connect((HOST, 7001))
s.send(b'x')"""),
    Way("a thread that was started before", "go.set(); t.join(); raise_it()", """
import socket, threading
go = threading.Event()
said = []

def work():
    go.wait()
    try:
        talk(tcp())
    except BaseException as error:
        said.append(error)

def raise_it():
    if said:
        raise said[0]
t = threading.Thread(target=work)
t.start()"""),
    Way("a sub-interpreter", "done(i.run_string(i.create(), CODE))", """
try:
    import _xxsubinterpreters as i
except ImportError:
    import _interpreters as i
CODE = f'import _socket; s = _socket.socket({FAMILY}, 2, 0); s.sendto(b"x", ({HOST!r}, 7001))'"""),
    Way("a sub-interpreter made before, with _socket imported there", "done(i.run_string(n, CODE))", """
try:
    import _xxsubinterpreters as i
except ImportError:
    import _interpreters as i
n = i.create()
i.run_string(n, f'import _socket; s = _socket.socket({FAMILY}, 2, 0)')
CODE = f's.sendto(b"x", ({HOST!r}, 7001))'"""),
    Way("asyncio.open_connection", """
import asyncio

async def go():
    r, w = await asyncio.wait_for(asyncio.open_connection(HOST, 7001), 3)
    w.write(b'hello')
    await w.drain()
    await r.read(5)
asyncio.run(go())"""),
    Way("asyncio datagrams", """
import asyncio

async def go():
    t, p = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(HOST, 7001))
    t.sendto(b'x')
asyncio.run(go())"""),
    Way("asyncio sock_connect in a loop made before", "loop.run_until_complete(loop.sock_connect(s, (HOST, 7001)))", """
import asyncio, socket
loop = asyncio.new_event_loop()
s = socket.socket(FAMILY)
s.setblocking(False)"""),
    Way("http.client", """
import http.client
c = http.client.HTTPConnection(HOST, 7000, timeout=3)
c.request('GET', '/hello')
c.getresponse().read()"""),
    Way("urllib", """
import urllib.request
urllib.request.urlopen('http://' + (HOST if FAMILY == 2 else f'[{HOST}]') + ':7000/hello', timeout=3).read()"""),
    Way("ftplib, smtplib, imaplib, poplib", """
import ftplib, smtplib, imaplib, poplib
found = []
starts = (lambda: ftplib.FTP().connect(HOST, 7001, 1), lambda: smtplib.SMTP(timeout=1, local_hostname='x').connect(HOST, 7001),
          lambda: imaplib.IMAP4(HOST, 7001, 1), lambda: poplib.POP3(HOST, 7001, 1))
for start in starts:
    try:
        start()
    except Exception as error:
        found.append(error)
blocked = [error for error in found if type(error).__name__ == 'NetworkBlockedError']
if len(blocked) == 4:
    raise blocked[0]"""),
    Way("a copied context of allow_temporary, used after its end", "c.run(lambda: talk(tcp()))", """
import contextvars
try:
    import python_blackbox
    with python_blackbox.allow_temporary(): c = contextvars.copy_context()
except ImportError: c = contextvars.copy_context()"""),

    # -- kinds that confined code has no use for -----------------------------------------------------------------------
    Way("MPTCP", """
import socket
s = socket.socket(FAMILY, 1, 262)
s.settimeout(3)
s.connect((HOST, 7003))
talk(s)""", kinds="kind"),
    Way("UDP-Lite", "import socket; socket.socket(FAMILY, 2, 136).sendto(b'x', (HOST, 7001))"),
    Way("SCTP", """
import socket
s = socket.socket(FAMILY, 1, 132)
s.settimeout(1)
s.connect((HOST, 7001))""", kinds="kind"),
    Way("raw IP", "import socket; socket.socket(FAMILY, 3, 253).sendto(b'x', (HOST, 0))", kinds="kind"),
    Way("a raw socket made before", "s.sendto(b'x', (HOST, 0))", "import socket; s = socket.socket(FAMILY, 3, 253)"),
    Way("ICMP from a raw socket", r"""
import socket
p = 1 if FAMILY == 2 else 58
echo = b'\x08\0\xf7\xff\0\0\0\0' if p == 1 else b'\x80\0\0\0\0\0\0\0'
socket.socket(FAMILY, 3, p).sendto(echo, (HOST, 0))""",
        kinds="kind"),
    Way("ICMP from a ping socket", r"""
import socket
p = 1 if FAMILY == 2 else 58
echo = b'\x08\0\xf7\xff\0\0\0\0' if p == 1 else b'\x80\0\0\0\0\0\0\0'
socket.socket(FAMILY, 2, p).sendto(echo, (HOST, 0))"""),
    Way("AF_PACKET", r"""
import socket
s = socket.socket(17, 3, 768)
s.bind(('eth0', 0))
s.send(b'\xff' * 6 + b'\x02NG\x00\x00\x02' + b'\x88\xb5' + bytes(46))""", kinds="kind"),
    Way("AF_PACKET made before", r"""
s.sendto(b'\xff' * 6 + b'\2NG\0\0\2' + b'\x88\xb5' + bytes(46), ('eth0', 0x88b5))""",
        "import socket; s = socket.socket(17, 3, 0)", kinds="kind"),
    Way("AF_VSOCK", "import socket; socket.socket(40, 1)", kinds="kind said"),
    Way("netlink of the packet filter", "import socket; socket.socket(16, 3, 12)", kinds="kind said"),

    # -- names: a lookup must not reach a name server ------------------------------------------------------------------
    Way("gethostbyname", "import socket; socket.gethostbyname('api.example.org')", kinds="name"),
    Way("gethostbyname taken before", "g('api.example.org')", "from socket import gethostbyname as g", kinds="name"),
    Way("gethostbyname_ex", "import socket; socket.gethostbyname_ex('api.example.org')", kinds="name"),
    Way("getaddrinfo", "import socket; socket.getaddrinfo('api.example.org', 443)", kinds="name"),
    Way("_socket.getaddrinfo of bytes", "import _socket; _socket.getaddrinfo(b'api.example.org', 443)", kinds="name"),
    Way("gethostbyaddr", """
import socket
try: socket.gethostbyaddr(HOST)
except socket.herror: pass""", kinds="name"),
    Way("gethostbyaddr of a name", """
import socket
try: socket.gethostbyaddr('api.example.org')
except socket.herror: pass""", kinds="name"),
    Way("getnameinfo", "import socket; socket.getnameinfo((HOST, 80), 0)", kinds="name"),
    Way("getfqdn", """
import socket
if socket.getfqdn(HOST) == HOST: raise OSError('no name')""", kinds="name quiet"),
    Way("connect to a name", """
import socket
s = socket.socket()
s.settimeout(3)
s.connect(('api.example.org', 7001))
s.send(b'x')""", kinds="name"),
    Way("_socket connect to a name", "import _socket; _socket.socket(2, 1, 0).connect(('api.example.org', 7001))",
        kinds="name"),
    Way("connect_ex to a name", """
import socket
s = socket.socket()
s.settimeout(3)
e = s.connect_ex(('api.example.org', 7001))
if e:
    raise OSError(e, 'connect_ex')""", kinds="name"),
    Way("connect to a name as bytes", """
import socket
s = socket.socket()
s.settimeout(3)
s.connect((b'api.example.org', 7001))
s.send(b'x')""", kinds="name"),
    Way("connect to a name as bytearray", """
import socket
s = socket.socket()
s.settimeout(3)
s.connect((bytearray(b'api.example.org'), 7001))
s.send(b'x')""", kinds="name"),
    Way("connect to a name as a str of our own class", """
class N(str):
    pass
import socket
s = socket.socket()
s.settimeout(3)
s.connect((N('api.example.org'), 7001))""", kinds="name"),
    Way("connect to an address tuple of our own class", """
import socket

class T(tuple):

    def __getitem__(self, i):
        return ('127.0.0.1', 7001)[i]
s = socket.socket()
s.settimeout(3)
s.connect(T(('api.example.org', 7001)))
s.send(b'x')""", kinds="name"),
    Way("sendto to a name", "import socket; socket.socket(2, 2).sendto(b'x', ('api.example.org', 7001))", kinds="name"),
    Way("sendmsg to a name", """
import socket
socket.socket(2, 2).sendmsg([b'x'], [], 0, ('api.example.org', 7001))""", kinds="name"),
    Way("bind to a name", """
import socket
try: socket.socket(2, 2).bind(('api.example.org', 7100))
except OSError as e:
    if e.errno != 99: raise""", kinds="name"),
    Way("IPv6 connect to a name", """
import socket
s = socket.socket(10)
s.settimeout(3)
s.connect(('api.example.org', 7001))""", kinds="name"),
    Way("a name that is an address in other words",
        "import socket; s = socket.socket(2, 2); s.sendto(b'x', ('0xcb00710a', 7001))", kinds="kind"),
    Way("asyncio's getaddrinfo", """
import asyncio
async def go(): await asyncio.get_running_loop().getaddrinfo('api.example.org', 443)
asyncio.run(go())""", kinds="name"),

    # -- being reached -------------------------------------------------------------------------------------------------
    Way("bind, listen, accept", """
import socket
s = socket.socket(FAMILY)
s.setsockopt(1, 2, 1)
s.bind(('', 7100))
s.listen()
s.settimeout(3)
s.accept()""", kinds="reached"),
    Way("bind with SO_REUSEPORT beside a socket from before", """
s = socket.socket(FAMILY)
s.setsockopt(1, 15, 1)
s.bind(('', 7100))
s.listen()
s.settimeout(3)
s.accept()""", """
import socket
b = socket.socket(FAMILY)
b.setsockopt(1, 15, 1)
b.bind(('', 7100))""", kinds="reached"),
    Way("UDP bind and recvfrom", "s = udp(); s.bind(('', 7100)); s.recvfrom(10)", kinds="reached said"),
    Way("asyncio.start_server", """
import asyncio

async def go():
    came = asyncio.Event()

    async def one(r, w):
        came.set()
    await asyncio.start_server(one, '0.0.0.0' if FAMILY == 2 else '::', 7100)
    await asyncio.wait_for(came.wait(), 3)
asyncio.run(go())""", kinds="reached"),
    Way("socketserver", """
import socketserver

class Server(socketserver.TCPServer):
    allow_reuse_address = True
    address_family = FAMILY
    timeout = 3
s = Server(('', 7100), socketserver.StreamRequestHandler)
s.handle_request()""", kinds="reached quiet"),
    Way("accept on a socket that listened before", ALARM + "s.accept()", """
import socket
s = socket.socket(FAMILY); s.setsockopt(1, 2, 1); s.bind(('', 7100)); s.listen(); s.settimeout(3)""",
        kinds="reached said waits"),
    Way("the kernel's answer for a socket that listened before", """
s.settimeout(1)
import select
if not select.select([s], [], [], 2)[0]: raise OSError('nobody came')""", """
import socket
s = socket.socket(FAMILY)
s.setsockopt(1, 2, 1)
s.bind(('', 7100))
s.listen()""", named="existing", kinds="reached existing quiet"),
    Way("recvfrom on a socket from before", ALARM + "came(s.recvfrom(10)[0])",
        "s = udp(); s.bind(('', 7100))", kinds="reached said waits"),
    Way("recvmsg on a socket from before", ALARM + "came(s.recvmsg(10)[0])",
        "s = udp(); s.bind(('', 7100))", kinds="reached said waits"),
    Way("recvfrom_into on a socket from before", ALARM + "b = bytearray(5); s.recvfrom_into(b); came(b)",
        "s = udp(); s.bind(('', 7100))", kinds="reached said waits"),
    Way("recv on a socket from before", "came(s.recv(10))", "s = udp(); s.bind(('', 7100))",
        named="existing", kinds="reached existing said"),

    # -- sockets from before, their data -------------------------------------------------------------------------------
    Way("data on a connection from before", "talk(s)", "s = tcp()", named="existing", kinds="existing"),
    Way("datagrams on a connected socket from before", "s.send(b'x')", "s = udp(); s.connect((HOST, 7001))", named="existing",
        kinds="existing"),
    Way("os.write on a connection from before", "os.write(s.fileno(), b'x')", "s = tcp()", named="existing", kinds="existing"),
    Way("a file made of a connection from before", "f.write(b'x'); f.flush()", "s = tcp(); f = s.makefile('wb')",
        named="existing", kinds="existing"),
    Way("os.sendfile to a connection from before", "f = open('/etc/hosts', 'rb'); os.sendfile(s.fileno(), f.fileno(), 0, 10)",
        "s = tcp()", named="existing", kinds="existing"),
    Way("socket.socket(fileno=) of a connection from before", "import socket; talk(socket.socket(fileno=os.dup(n)))",
        "s = tcp(); n = s.fileno()"),
    Way("socket.fromfd of a connection from before", "import socket; talk(socket.fromfd(n, FAMILY, 1))",
        "s = tcp(); n = s.fileno()"),
    Way("dup() of a connection from before", "talk(s.dup())", "s = tcp()"),
    Way("http.client keep-alive over a connection from before", r"""
c.sock.sendall(b'GET /hello HTTP/1.1\r\n\r\n')
if not c.sock.recv(10): raise OSError('closed')""", """
import http.client
c = http.client.HTTPConnection(HOST, 7001, timeout=3)
c.connect()""", named="existing", kinds="existing"),
    Way("an asyncio transport from before", """
async def go():
    w.write(b'hello')
    if not await asyncio.wait_for(r.read(5), 3): raise OSError('closed')
loop.run_until_complete(go())""", """
import asyncio
loop = asyncio.new_event_loop()
r, w = loop.run_until_complete(asyncio.open_connection(HOST, 7001))""", named="existing", kinds="existing"),
    Way("an inherited connection", "talk(socket.socket(fileno=7))",
        "import socket; s = tcp(); os.dup2(s.fileno(), 7); s.close(); del s"),
    Way("a child forked before, over a connection from before",
        "os.write(w, b'x'); assert os.read(r2, 1) == b'x', 'the child could not'", """
import socket
s = tcp()
r, w = os.pipe()
r2, w2 = os.pipe()
if os.fork() == 0:
    os.read(r, 1)
    try:
        talk(s)
        os.write(w2, b'x')
    finally:
        os._exit(0)
os.close(w2)
os.close(r)""", named="processes", strict=True),
    Way("ssl over a socket connected before", """
import ssl
ssl.create_default_context().wrap_socket(s, server_hostname='api.example.org')""", "s = tcp(); s.settimeout(1)"),
    Way("http.client over a connection from before, a new request", "c.request('GET', '/hello')", """
import http.client
c = http.client.HTTPConnection(HOST, 7001, timeout=3)
c.connect()"""),
    Way("a descriptor received from another process", """
import socket
m, fds, *_ = socket.recv_fds(u, 1, 1)
talk(socket.socket(fileno=fds[0]))""", """
import socket
u, v = socket.socketpair()
if os.fork() == 0:
    s = tcp()
    socket.send_fds(v, [b'x'], [s.fileno()])
    os._exit(0)
v.close()
os.wait()"""),
    Way("a descriptor received from another process, used by its number",
        "import socket; m, fds, *_ = socket.recv_fds(u, 1, 1); os.write(fds[0], b'x')", """
import socket
u, v = socket.socketpair()
if os.fork() == 0:
    s = tcp()
    socket.send_fds(v, [b'x'], [s.fileno()])
    os._exit(0)
v.close()
os.wait()""", named="received", strict=True),
    Way("a socket handed over by multiprocessing", "talk(socket.socket(fileno=reduction.recv_handle(c)))", """
import socket
from multiprocessing import Pipe, reduction
c, d = Pipe()
if os.fork() == 0:
    s = tcp()
    reduction.send_handle(d, s.fileno(), os.getppid())
    os._exit(0)
d.close()
os.wait()"""),

    # -- processes -----------------------------------------------------------------------------------------------------
    Way("subprocess.run", "import subprocess; subprocess.run(['bash', '-c', SEND], check=True)", kinds="process"),
    Way("subprocess with a shell", 'import subprocess; subprocess.run(f"bash -c \'{SEND}\'", shell=True, check=True)',
        kinds="process"),
    Way("subprocess imported before", "Popen(['bash', '-c', SEND]).wait()", "from subprocess import Popen", kinds="process"),
    Way("subprocess with close_fds=False (posix_spawn)", """
import subprocess
subprocess.run(['/bin/bash', '-c', SEND], close_fds=False, check=True)""", kinds="process"),
    Way("os.system", 'assert os.system(f"bash -c \'{SEND}\'") == 0, \'it failed\'', kinds="process"),
    Way("os.popen", 'assert os.popen(f"bash -c \'{SEND}\'").close() is None, \'it failed\'', kinds="process"),
    Way("os.posix_spawn", "os.waitpid(os.posix_spawn('/bin/bash', ['bash', '-c', SEND], os.environ), 0)", kinds="process"),
    Way("os.posix_spawnp", "os.waitpid(os.posix_spawnp('bash', ['bash', '-c', SEND], os.environ), 0)", kinds="process"),
    Way("os.spawnv", "os.spawnv(os.P_WAIT, '/bin/bash', ['bash', '-c', SEND])", kinds="process"),
    Way("os.fork and execv", """
p = os.fork()
if p == 0: os.execv('/bin/bash', ['bash', '-c', SEND])
os.waitpid(p, 0)""", kinds="process"),
    Way("os.fork and execve of a descriptor", """
p = os.fork()
if p == 0: os.execve(os.open('/bin/bash', os.O_RDONLY), ['bash', '-c', SEND], os.environ)
os.waitpid(p, 0)""", kinds="process"),
    Way("os.execv in place of this program", "os.execv('/bin/bash', ['bash', '-c', SEND + '; echo; echo said ok; read x'])",
        kinds="process"),
    Way("pty.spawn", """
import pty
pty.spawn(['bash', '-c', SEND], lambda fd: os.read(fd, 1024), lambda fd: b'')""", kinds="process"),
    Way("asyncio.create_subprocess_exec", """
import asyncio
async def go(): await (await asyncio.create_subprocess_exec('bash', '-c', SEND)).wait()
asyncio.run(go())""", kinds="process"),
    Way("_posixsubprocess.fork_exec itself", """
import subprocess
r, w = os.pipe()
p = FORK(['bash', '-c', SEND], r, w)
os.waitpid(p, 0)""", """
import _posixsubprocess, sys

def FORK(argv, r, w):
    a = [[os.fsencode(x) for x in argv], [b'/bin/bash'], True, (w,), None, None, -1, -1, -1, -1, -1, -1, r, w, True, False]
    if sys.version_info >= (3, 11):
        a += [-1]
    a += [None, None, None, -1, None]
    if sys.version_info >= (3, 11):
        a += [False]
    if sys.version_info[:2] == (3, 9):
        a = a[:16] + [None, None, None, -1, None]
    return _posixsubprocess.fork_exec(*a)""", kinds="process"),
    Way("fork, the same in the child", """
p = os.fork()
if p == 0:
    try: talk(tcp())
    except Exception as error: os._exit(7 if type(error).__name__ == 'NetworkBlockedError' else 8)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(p, 0)[1])
if code: raise OSError(code, 'NetworkBlockedError' if code == 7 else 'in the child')"""),
    Way("multiprocessing, fork", """
import multiprocessing as m
p = m.get_context('fork').Process(target=udp_send)
p.start()
p.join()
assert p.exitcode == 0, 'in the child'""", "def udp_send(): udp().sendto(b'x', (HOST, 7001))", kinds="process"),
    Way("multiprocessing, spawn", "send('spawn', 'send')", MULTIPROCESSING, kinds="process"),
    Way("multiprocessing, forkserver", "send('forkserver', 'send')", MULTIPROCESSING, kinds="process"),
    Way("multiprocessing, spawn, and machine code there", "send('spawn', 'send_by_ctypes')", MULTIPROCESSING,
        named="multiprocessing", kinds="process"),
    Way("multiprocessing's own line, after a sitecustomize", """
import subprocess
os.makedirs(FOLDER + '/evil', exist_ok=True)
with open(FOLDER + '/evil/sitecustomize.py', 'w') as file:
    file.write(f"import socket; socket.socket({FAMILY}, 2).sendto(b'x', ({HOST!r}, 7001))")
line = 'from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=3, pipe_handle=4)'
subprocess.run([sys.executable, '-c', line, '--multiprocessing-fork'], env={'PYTHONPATH': FOLDER + '/evil'}, stderr=-3)""",
        named="multiprocessing", kinds="process"),
    Way("a process that was started before", r"p.stdin.write(b'\n'); p.stdin.flush(); p.wait()", """
import subprocess
p = subprocess.Popen(['bash', '-c', 'read x; ' + SEND], stdin=subprocess.PIPE)""", named="processes", strict=True),

    # -- machine code --------------------------------------------------------------------------------------------------
    Way("ctypes: socket and sendto", """
c = libc()
f = good(c.socket(FAMILY, 2, 0))
a = packed()
good(c.sendto(f, b'x', 1, 0, a, len(a)))""", named="ctypes"),
    Way("ctypes: connect on Python's own socket", """
c = libc()
s = udp()
a = packed()
good(c.connect(s.fileno(), a, len(a)))
s.send(b'x')""", named="ctypes"),
    Way("ctypes loaded before", "f = good(c.socket(FAMILY, 1, 0)); good(c.connect(f, a, len(a)))", "c = libc(); a = packed()",
        named="ctypes"),
    Way("ctypes: raw system calls", """
c = libc()
f = good(c.syscall(41, FAMILY, 2, 0))
a = packed()
good(c.syscall(44, f, b'x', 1, 0, a, len(a)))""", named="ctypes", needs=("x86_64",)),
    Way("ctypes: sendmsg on a socket made before", """
m = M(ctypes.cast(ctypes.c_char_p(a), ctypes.c_void_p), len(a), ctypes.pointer(v), 1)
good(c.sendmsg(s.fileno(), ctypes.byref(m), 0))""",
        """
import ctypes
c = libc()
a = packed()
s = udp()

class V(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('length', ctypes.c_size_t)]

class M(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('length', ctypes.c_uint), ('iov', ctypes.POINTER(V)), ('n', ctypes.c_size_t),
                ('control', ctypes.c_void_p), ('m', ctypes.c_size_t), ('flags', ctypes.c_int)]
v = V(b'x', 1)""", named="ctypes"),
    Way("ctypes: a TCP socket from before, disconnected and connected anew", """
good(c.connect(s.fileno(), bytes(16), 16))
good(c.connect(s.fileno(), a, len(a)))""", "c = libc(); a = packed(); s = tcp()", named="ctypes"),
    Way("ctypes: connect on a socket made before", "good(c.connect(s.fileno(), a, len(a)))",
        "import socket; c = libc(); a = packed(); s = socket.socket(FAMILY)", named="ctypes"),
    Way("ctypes: getaddrinfo", """
import ctypes
p = ctypes.c_void_p()
e = libc().getaddrinfo(b'api.example.org', b'80', None, ctypes.byref(p))
if e:
    raise OSError(e, 'getaddrinfo')""", named="ctypes", kinds="name"),
    Way("ctypes: system()", """
e = libc().system(f"bash -c '{SEND}'".encode())
if e: raise OSError(e, 'system')""", named="ctypes"),
    Way("ctypes: a thread's own fork and exec", """
c = libc()
if c.fork() == 0:
    import ctypes
    c.execv(b'/bin/bash', (ctypes.c_char_p * 4)(b'bash', b'-c', SEND.encode(), None))
    os._exit(1)
os.wait()""", named="ctypes", kinds="quiet"),
    Way("io_uring", "ring_send(ring())", """
import ctypes, mmap, struct
c = libc()
A = ctypes.create_string_buffer(packed())

def ring():
    p = ctypes.create_string_buffer(120)
    fd = good(c.syscall(425, 4, p))
    w = struct.unpack('=30I', p.raw)
    return (fd, w, mmap.mmap(fd, 4096, offset=0), mmap.mmap(fd, 4096, offset=268435456))

def ring_send(r):
    fd, w, q, e = r
    number = lambda op, f, off, addr, n, data: struct.pack('=BBHiQQIIQHHiQQ', op, 0, 0, f, off, addr, n, 0, data, 0, 0, 0, 0, 0)

    def submit(entry):
        e[0:64] = entry
        tail = struct.unpack_from('=I', q, w[11])[0]
        struct.pack_into('=I', q, w[16] + 4 * (tail & 3), 0)
        struct.pack_into('=I', q, w[11], tail + 1)
        good(c.syscall(426, fd, 1, 1, 1, None, 0))
        head = struct.unpack_from('=I', q, w[20])[0]
        at = w[25] + 16 * (head & struct.unpack_from('=I', q, w[22])[0])
        struct.pack_into('=I', q, w[20], head + 1)
        result = struct.unpack_from('=Qi', q, at)[1]
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result
    f = submit(number(45, FAMILY, 2, 0, 0, 1))
    submit(number(16, f, len(A.raw) - 1, ctypes.addressof(A), 0, 2))
    B = ctypes.create_string_buffer(b'x')
    submit(number(26, f, 0, ctypes.addressof(B), 1, 3))""", named="io_uring", needs=("x86_64",)),
    Way("pycurl", """
import pycurl
c = pycurl.Curl()
c.setopt(c.URL, 'http://' + (HOST if FAMILY == 2 else f'[{HOST}]') + ':7000/hello')
c.setopt(c.TIMEOUT, 3)
c.setopt(c.WRITEFUNCTION, lambda b: None)
c.perform()""", named="native", needs=("pycurl",)),
    Way("pycurl with a name", """
import pycurl
c = pycurl.Curl()
c.setopt(c.URL, 'http://api.example.org:7000/hello')
c.setopt(c.TIMEOUT, 3)
c.setopt(c.WRITEFUNCTION, lambda b: None)
c.perform()""", named="native", kinds="name", needs=("pycurl",)),
    Way("psycopg2", r"""
import psycopg2
try: psycopg2.connect(host=HOST, port=7999, connect_timeout=2, dbname='x')
except psycopg2.OperationalError as e: raise OSError(str(e).split('\n')[0])""", named="native", kinds="quiet",
        needs=("psycopg2",)),
    Way("zmq", """
import zmq
x = zmq.Context()
z = x.socket(zmq.PUSH)
z.setsockopt(zmq.LINGER, 0)
z.setsockopt(zmq.IPV6, 1)
m = z.get_monitor_socket(zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_CLOSED)
z.connect('tcp://' + (HOST if FAMILY == 2 else f'[{HOST}]') + ':7001')
assert m.poll(2000), 'nothing happened'""", named="native", kinds="quiet", needs=("zmq",)),
    Way("grpc", """
import grpc
g = grpc.insecure_channel((HOST if FAMILY == 2 else f'[{HOST}]') + ':7001')
try:
    grpc.channel_ready_future(g).result(timeout=1)
except grpc.FutureTimeoutError:
    raise OSError('not ready')""", named="native", kinds="quiet", needs=("grpc",)),
    Way("libc's getaddrinfo under getaddrinfo of another library's _socket", """
import importlib.util as u
s = u.spec_from_file_location('_socket', OTHER)
m = u.module_from_spec(s)
m.socket(2, 2).sendto(b'x', ('api.example.org', 7001))""", """
import glob, sys
v = '%d.%d' % sys.version_info[:2]
OTHER = (glob.glob(f'/root/.pyenv/versions/{v}.*/lib/python{v}/lib-dynload/_socket.*.so') + [''])[0]""", named="native",
        kinds="name", needs=("other _socket",)),
    Way("another library's _socket, an address", """
import importlib.util as u
s = u.spec_from_file_location('_socket', OTHER)
m = u.module_from_spec(s)
m.socket(FAMILY, 2).sendto(b'x', (HOST, 7001))""", """
import glob, sys
v = '%d.%d' % sys.version_info[:2]
OTHER = (glob.glob(f'/root/.pyenv/versions/{v}.*/lib/python{v}/lib-dynload/_socket.*.so') + [''])[0]""",
        needs=("other _socket",)),

    # -- others --------------------------------------------------------------------------------------------------------
    Way("a daemon that hands out a connected socket over AF_UNIX", """
import socket
u = socket.socket(socket.AF_UNIX)
u.connect(DAEMON + '/h')
message, fds, *_ = socket.recv_fds(u, 1, 1)
os.write(fds[0], b'x')""", named="unix", strict=True),
    Way("another process's memory", """
pid, where = map(int, VICTIM.split(':'))
with open(f'/proc/{pid}/mem', 'r+b', 0) as memory:
    memory.seek(where)
    memory.write(b'changed')""", named="outside", kinds="said", strict=True),
    Way("the hook overwritten through /proc/self/mem", r"""
for line in open('/proc/self/maps').readlines():
    if '_core' in line and 'r-xp' in line:
        first, last = (int(word, 16) for word in line.split()[0].split('-'))
        with open('/proc/self/mem', 'r+b', 0) as memory:
            memory.seek(first)
            memory.write((b'\x31\xc0\xc3' + b'\x90' * 13) * ((last - first) // 16))  # return 0
try:
    socket.gethostbyaddr(HOST)
except socket.herror:
    pass""", "import socket", named="memory", kinds="name quiet", needs=("x86_64",)),

    # -- what the module reads and what the interpreter reads ----------------------------------------------------------
    Way("a port that is no int", """
class P:
    def __index__(self): return 7001
udp().sendto(b'x', (HOST, P()))"""),
    Way("a port that is no int, connect", """
class P:
    def __index__(self): return 7001
    __int__ = __index__
s = udp(); s.connect((HOST, P())); s.send(b'x')"""),
    Way("a class with the name of _socket.socket", """
import _socket
class X(_socket.socket): pass
X.__name__ = '_socket.socket'
X(FAMILY, 2).sendto(b'x', (HOST, 7001))"""),
    Way("a class with the name of _socket.socket, and members of that name", """
import _socket
class X(_socket.socket): __slots__ = ('family', 'type', 'proto')
X.__name__ = '_socket.socket'
X(FAMILY, 2).sendto(b'x', (HOST, 7001))"""),
    Way("an address in octal, with very many zeros", """
import socket
host = '.'.join('0' * 80 + oct(part)[2:] for part in socket.inet_aton('203.0.113.10'))
socket.socket(2, 2).sendto(b'x', (host, 7001))""", kinds="kind"),
    Way("a class made of _socket.socket before, of a descriptor", "T(fileno=n).send(b'x')", """
import _socket
class T(_socket.socket): pass
s = tcp(); n = s.detach()"""),
    Way("a descriptor's number that is no int", "import _socket; _socket.socket(fileno=P()).send(b'x')", """
s = tcp(); n = s.detach()
class P:
    def __index__(self): return n"""),
    Way("a host as bytearray that the port changes while it is read", """
H = bytearray(b'192.168.77.10')
class P:
    n = 0
    def __index__(self):
        P.n += 1
        H[:] = b'203.0.113.012' if P.n == turn else b'192.168.77.10'  # 012 is ten
        return 7001
for turn in range(1, 5):
    P.n = 0
    try: udp().sendto(b'x', (H, P()))
    except Exception: pass
    H[:] = b'192.168.77.10'""", WHITELISTED, kinds="kind quiet inet"),
    Way("a codec for host names that answers in turn", """
import encodings.idna
class Turn:
    n = 0
    def __call__(self, label):
        self.n += 1
        return b'203.0.113.10' if self.n % 3 == turn else b'192.168.77.10'
last = None
for turn in range(3):
    encodings.idna.ToASCII = Turn()
    try: udp().sendto(b'x', ('\xe4', 7001))
    except Exception as error: last = error""", WHITELISTED, kinds="kind quiet inet"),
    Way("getaddrinfo replaced, by one whose answer is read in two ways", """
import _socket, encodings.idna
class Turn:
    n = 0
    def __call__(self, label):
        self.n += 1
        return b'203.0.113.10' if self.n == turn else b'192.168.77.10'
_socket.getaddrinfo = lambda *a: [(2, 2, 17, '', ('\xe4', 7001))]
for turn in range(1, 5):
    encodings.idna.ToASCII = Turn()
    for host in ('lan.example.org', '\xe4'):
        try: udp().sendto(b'x', (host, 7001))
        except Exception: pass""", WHITELISTED + "; python_blackbox.add_whitelist('lan.example.org')",
        kinds="kind quiet inet"),
    Way("another codec for host names", """
import codecs, encodings
codecs.unregister(encodings.search_function)
def search(name):
    if name == 'idna': return codecs.CodecInfo(lambda text, errors='strict': (b'api.example.org', len(text)), None, name='idna')
    return encodings.search_function(name)
codecs.register(search)
import socket
if socket.getaddrinfo('lan.example.org', 80)[0][4][0] not in ('203.0.113.10', '2001:db8::10'):
    raise OSError('it is the right one')""", "import python_blackbox; python_blackbox.add_whitelist('lan.example.org')",
        kinds="name said waits"),
    Way("a source route by way of a neighbour", """
import socket
route = bytes([1, 131, 11, 4]) + socket.inet_aton('192.168.77.1') + socket.inet_aton('203.0.113.10')
s = socket.socket(2, 2); s.setsockopt(0, 4, route)
s.sendto(b'x', ('192.168.77.1', 7001))""", "import python_blackbox; python_blackbox.add_whitelist('192.168.77.0/24')",
        named="options"),

    Way("a device of root's", """
import fcntl, struct
fcntl.ioctl(open('/dev/net/tun', 'r+b', 0), 0x400454ca, struct.pack('16sH22x', b'ngtest%d', 0x1001))""",
        named="root", kinds="said", strict=True),

    # -- taking it out again -------------------------------------------------------------------------------------------
    Way("reload of socket", "import importlib, socket; importlib.reload(socket); talk(tcp())"),
    Way("socket and _socket imported afresh", """
import socket
for m in ('socket', '_socket', 'select', 'selectors'):
    sys.modules.pop(m, None)
import socket, _socket
talk(tcp())"""),
    Way("a second _socket by its loader", """
import importlib.machinery as m, importlib.util as u, _socket
s = u.find_spec('_socket')
del sys.modules['_socket']
x = u.module_from_spec(s)
s.loader.exec_module(x)
y = x.socket(FAMILY, 2, 0)
y.sendto(b'x', (HOST, 7001))"""),
    Way("the package's modules removed and collected", """
import gc
for m in [m for m in sys.modules if 'blackbox' in m]:
    sys.modules.pop(m).__dict__.clear()
gc.collect()
udp().sendto(b'x', (HOST, 7001))"""),
    Way("the package reloaded with PYTHON_BLACKBOX_NOAUTO", """
os.environ['PYTHON_BLACKBOX_NOAUTO'] = '1'
for m in [m for m in sys.modules if 'blackbox' in m]: del sys.modules[m]
try: import python_blackbox
except ImportError: pass
talk(tcp())"""),
    Way("the package's functions replaced", """
b = sys.modules.get('python_blackbox')
for m in (b, getattr(b, '_core', None)):
    for n in ('is_blocked', 'profile', 'whitelist', 'attempts', 'protection'):
        if m: setattr(m, n, lambda *a, **k: False)
talk(tcp())"""),
    Way("hooks hunted with gc", """
import gc
for o in gc.get_objects():
    n = getattr(type(o), '__module__', '') or ''
    if 'blackbox' in str(n) or 'blackbox' in str(getattr(o, '__module__', '')):
        for d in (o, getattr(o, '__dict__', None)):
            if isinstance(d, (dict, list, set)): d.clear()
udp().sendto(b'x', (HOST, 7001))"""),
    Way("an audit hook of our own that swallows", """
def hook(event, args):
    sys.exc_info()
sys.addaudithook(hook)
try: udp().sendto(b'x', (HOST, 7001))
finally: sys.exc_info()"""),
    Way("an audit hook of our own, from before", "udp().sendto(b'x', (HOST, 7001))",
        "sys.addaudithook(lambda event, args: None)"),
    Way("settrace and setprofile", "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None); talk(tcp())"),
    Way("NetworkBlockedError caught and tried again", """
for n in range(20):
    try:
        udp().sendto(b'x', (HOST, 7001))
        break
    except OSError as error:
        last = error
else:
    raise last"""),
    Way("tried without end, until a signal's handler raises", ALARM + """
s = udp()  # one, since CPython clears what is raised while it finalises a socket
while True:
    try:
        s.sendto(b'x', (HOST, 7001))
        break
    except OSError:
        pass""", kinds="waits"),
    Way("the address changed while it is looked at", """
import socket, threading
L = ['127.0.0.1', 7001]
stop = []

class H(str):

    def encode(self, *a):
        return HOST.encode()

    def __str__(self):
        return '127.0.0.1'

class P(int):

    def __index__(self):
        return 7001
udp().sendto(b'x', (H(HOST), P(9)))"""),
    Way("at the program's end", "atexit_it()", """
import atexit

def late():
    try:
        udp().sendto(b'x', (HOST, 7001))
    except OSError as error:
        print('said', type(error).__name__, flush=True)
    else:
        print('said ok', flush=True)
    sys.stdin.readline()

def atexit_it():
    atexit.register(late)
    sys.exit()"""),
    Way("in a destructor while the interpreter ends", "del_it()", r"""
import socket, builtins

class D:

    def __del__(self, socket=socket.socket, host=HOST, family=FAMILY, read=sys.stdin.readline, out=os.write):
        try:
            socket(family, 2).sendto(b'x', (host, 7001))
        except OSError as error:
            out(1, b'said ' + type(error).__name__.encode() + b'\n')
        else:
            out(1, b'said ok\n')
        out(1, b'')
        os.read(0, 1)

def del_it():
    builtins.d = D()
    sys.exit()"""),
    Way("sockets of asyncio's own thread pool", """
import asyncio
async def go(): await asyncio.get_running_loop().run_in_executor(None, lambda: talk(tcp()))
asyncio.run(go())"""),
]
