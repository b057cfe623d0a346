# SPDX-License-Identifier: MIT
"""Programs under test that hold very many sockets, or make very many attempts. Runs as the application, not as the test.

    hold.py sockets HOST PORT COUNT FIRST
        open COUNT connected UDP sockets from local port FIRST on, say "open", then answer each line with how many still send
    hold.py flood HOST COUNT
        send COUNT datagrams to distinct ports, say how many were refused
    hold.py attempts HOST PORT
        connect and send for ever, one line "refused passed" for each line of input
"""

import errno
import resource
import select
import socket
import sys


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def sockets(host, port, count, first):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, max(count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    held = []
    ports = iter(range(first, 65536))
    while len(held) < count:
        one = socket.socket(family(host), socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # more sockets than the kernel has ports to choose from
        try:
            one.bind(("", next(ports)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise
        one.connect((host, port))
        held.append(one)
    print("open", flush=True)
    for _line in sys.stdin:
        sent = 0
        for one in held:
            try:
                one.send(b"x")
                sent += 1
            except OSError:
                pass
        print(sent, flush=True)


def flood(host, count):
    refused = 0
    one = socket.socket(family(host), socket.SOCK_DGRAM)
    for number in range(count):
        try:
            one.sendto(b"x", (host, 1 + number % 65000))
        except OSError:
            refused += 1
    print(refused, flush=True)


def attempts(host, port):
    refused = passed = 0
    print("started", flush=True)
    while True:
        with socket.socket(family(host), socket.SOCK_DGRAM) as datagrams, socket.socket(family(host)) as stream:
            stream.settimeout(2)
            for act in (lambda: datagrams.sendto(b"x", (host, port)), lambda: stream.connect((host, port))):
                try:
                    act()
                    passed += 1
                except OSError:
                    refused += 1
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(refused, passed, flush=True)


if __name__ == "__main__":
    KIND, *REST = sys.argv[1:]
    {"sockets": sockets, "flood": flood, "attempts": attempts}[KIND](REST[0], *map(int, REST[1:]))
