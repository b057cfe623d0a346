# SPDX-License-Identifier: MIT
"""A way to the network that a Python program has: row 31 of the ways around, and of rows 12 to 18 and 26 what applies to an
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
