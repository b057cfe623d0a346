# SPDX-License-Identifier: MIT
"""The ways around (way.py) that are Python's own: sockets, lookups, being reached, sockets from before. The others are in
waylist_beyond.py."""

from way import ALARM, Way

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
]
