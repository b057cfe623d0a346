# SPDX-License-Identifier: MIT
"""What bench/python measures: one worker. pythonload.py WAY WORK COUNT [PORT]

WAY: bare; ours (python_blackbox, loopback whitelisted); blocked (python_blackbox, nothing whitelisted); class (a class of
Python's in the place of socket.socket, as pytest-socket does it). For each line on stdin the work is done COUNT times and a line
written: nanoseconds of wall time and of processor time (user and system) for one.
"""

import json
import os
import re
import resource
import socket
import sys
import time

HOSTS = ("127.0.0.0/8", "::1", "localhost")


class BlockedError(RuntimeError):
    """What the class raises."""


def replace_class(allowed):
    """The way of pytest-socket: socket.socket is another class, whose connect() looks into a list of addresses."""
    plain, addresses = socket.socket, set()
    for host in allowed:
        addresses.update(entry[4][0] for entry in socket.getaddrinfo(host, None))

    class Guarded(plain):
        def __new__(cls, family=-1, type=-1, proto=-1, fileno=None):  # pylint: disable=redefined-builtin
            return super().__new__(cls, family, type, proto, fileno)

        def connect(self, address):
            host = address[0] if isinstance(address, tuple) else address
            if self.family != socket.AF_UNIX and isinstance(host, str) and host not in addresses:
                try:
                    resolved = socket.gethostbyname(host)
                except OSError:
                    resolved = host
                if resolved not in addresses:
                    raise BlockedError(f"{host} is not allowed")
            return super().connect(address)

    socket.socket = Guarded


# --- work ---

def connect(count, port):
    """socket(), connect(), close()"""
    for _ in range(count):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.connect(("127.0.0.1", port))
        made.close()


def make(count, _port):
    """socket(), close()"""
    for _ in range(count):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def sendto(count, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        for _ in range(count):
            made.sendto(b"x", ("127.0.0.1", port))


def lookup(count, _port):
    for _ in range(count):
        socket.getaddrinfo("127.0.0.1", 80, socket.AF_INET, socket.SOCK_STREAM)


def numbers(count, _port):
    """Floats and lists: bodies that attract each other."""
    bodies = [[float(i), float(i * i % 7), float(i % 3), 0.0, 0.0, 0.0, 1.0 + i] for i in range(5)]
    for _ in range(count):
        for i, a in enumerate(bodies):
            for b in bodies[i + 1:]:
                x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
                force = 0.001 / ((x * x + y * y + z * z + 0.1) ** 1.5)
                for k, d in enumerate((x, y, z)):
                    a[3 + k] -= d * b[6] * force
                    b[3 + k] += d * a[6] * force
        for a in bodies:
            for k in range(3):
                a[k] += 0.001 * a[3 + k]


def objects(count, _port):
    """Classes, methods, attributes, exceptions."""
    class Node:
        def __init__(self, value):
            self.value, self.next = value, None

        def add(self, other):
            self.next = other
            return other
    for _ in range(count):
        first = last = Node(0)
        for i in range(100):
            last = last.add(Node(i))
        try:
            while True:
                first = first.next
                _ = first.value
        except AttributeError:
            pass


def texts(count, _port):
    """Text, regular expressions, JSON."""
    data = {f"name{i}": [i, str(i), {"deep": i / 3}] for i in range(20)}
    for _ in range(count):
        text = json.dumps(data)
        json.loads(text)
        re.sub(r"name(\d+)", r"\1", text)


def files(count, _port):
    """open() and compile(), which have audit events."""
    for _ in range(count):
        with open("/proc/self/stat", "rb") as file:
            file.read()
        exec(compile("a = 1", "x", "exec"), {})  # pylint: disable=exec-used


def main():
    way, work, count = sys.argv[1], globals()[sys.argv[2]], int(sys.argv[3])
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    if way in ("ours", "blocked"):
        import python_blackbox  # pylint: disable=import-outside-toplevel
        for host in HOSTS if way == "ours" else ():
            python_blackbox.add_whitelist(host)
    elif way == "class":
        replace_class(("127.0.0.1", "::1", "localhost"))
    for _ in sys.stdin:
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter_ns()
        work(count, port)
        ended, after = time.perf_counter_ns(), resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print((ended - began) / count, used * 1e9 / count, flush=True)


if __name__ == "__main__":
    if os.environ.get("NETGUARD_CPU"):
        os.sched_setaffinity(0, {int(os.environ["NETGUARD_CPU"])})
    main()
