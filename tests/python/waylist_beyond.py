# SPDX-License-Identifier: MIT
"""The ways around (way.py) that lead beyond Python's sockets: processes, machine code, what the module can be shown, and taking
it out again."""

from way import ALARM, MULTIPROCESSING, WHITELISTED, Way

WAYS = [
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
