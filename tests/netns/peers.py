# SPDX-License-Identifier: MIT
"""What the programs under test talk to: real servers inside a peer's namespace, and a recorder of what arrives there.

Each server is a thread of the test whose sockets were made in the namespace (a socket stays where it was made), so that the
test sees what arrived and when without asking anybody. Ports:

    7000 HTTP: /hello, and /endless, a paced download that never ends
    7001 TCP echo, UDP echo         7002 TCP and UDP sink
    7003 echo that speaks MPTCP     7004 UDP stream: sends a datagram every 2 ms to whoever sent one
    2222 sshd (OpenSSH)             53   DNS: 192.0.2.1 for everything
"""

import contextlib
import os
import socket
import struct
import threading
import time

from lab import inside, run_quiet, wait_for

HTTP, ECHO, SINK, MPTCP, STREAM, SSH, DNS = 7000, 7001, 7002, 7003, 7004, 2222, 53
IPPROTO_MPTCP = 262
HELLO = b"hello from the peer\n"
_CHUNK = b"x" * 8192
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33


def listen_tcp(namespace, port, protocol=0):
    """A listening socket for IPv4 and IPv6."""
    with inside(namespace):
        server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", port))
        with contextlib.suppress(OSError):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 64)
        server.listen(1024)
    return server


def bind_udp(namespace, port, protocol=0):
    with inside(namespace):
        server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, protocol)
        server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", port))
    return server


class Peer:
    """The servers of one namespace, running from construction to the end of the test."""

    def __init__(self, lab, namespace):
        self.lab, self.namespace = lab, namespace
        self.connections = 0
        self.received = []
        self.received_bytes = 0
        self._serve_tcp(HTTP, self._http)
        self._serve_tcp(ECHO, self._echo)
        self._serve_tcp(SINK, self._sink)
        self._serve_tcp(MPTCP, self._echo, IPPROTO_MPTCP)
        self._serve_udp(ECHO, lambda server, data, sender: server.sendto(data, sender))
        self._serve_udp(SINK, lambda server, data, sender: None)
        self._serve_udp(DNS, self._dns)
        self._serve_udp(STREAM, self._stream)

    def _start(self, target, *arguments):
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _serve_tcp(self, port, handler, protocol=0):
        server = listen_tcp(self.namespace, port, protocol)

        def accept():
            while True:
                connection, _address = server.accept()
                self.connections += 1
                self._start(self._guarded, handler, connection)
        self._start(accept)

    def _serve_udp(self, port, handler):
        server = bind_udp(self.namespace, port)

        def receive():
            while True:
                with contextlib.suppress(OSError, IndexError, struct.error):  # whatever was sent, serve the next
                    data, sender = server.recvfrom(65536)
                    self.received.append((port, data))
                    handler(server, data, sender)
        self._start(receive)

    @staticmethod
    def _guarded(handler, connection):
        with connection, contextlib.suppress(OSError):
            handler(connection)

    @staticmethod
    def _http(connection):
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return
            request += data
        path = request.split()[1]
        if path != b"/endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(HELLO), HELLO))
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(_CHUNK)
            time.sleep(0.002)  # the pace of the download, not a way of waiting

    @staticmethod
    def _echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    def _sink(self, connection):
        while data := connection.recv(65536):
            self.received_bytes += len(data)

    def _stream(self, server, _data, sender):
        def send():
            number = 0
            deadline = time.monotonic() + 5
            with contextlib.suppress(OSError):
                while time.monotonic() < deadline:
                    server.sendto(struct.pack("!Qd", number, time.time()), sender)
                    number += 1
                    time.sleep(0.002)  # the pace of the stream
        self._start(send)

    @staticmethod
    def _dns(server, query, sender):
        """Answer any question with one A or AAAA record of documentation addresses."""
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12:end + 5]
        kind = struct.unpack("!H", query[end + 1:end + 3])[0]
        data = socket.inet_pton(socket.AF_INET6, "2001:db8::53") if kind == 28 else socket.inet_aton("192.0.2.1")
        answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
        server.sendto(query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question + answer, sender)

    # -- real sshd -----------------------------------------------------------------------------------------------------

    def start_sshd(self):
        folder = os.path.join(self.lab.dir, "ssh")
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            for name in ("host", "user"):
                run_quiet(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}"])
            with open(f"{folder}/sshd_config", "w", encoding="ascii") as file:
                file.write(f"Port {SSH}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\n"
                           "PermitRootLogin yes\nUsePAM no\nPidFile none\nUseDNS no\nPrintMotd no\n")
        self.lab.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", f"{folder}/sshd_config"], namespace=self.namespace, cgroup=None,
                       stderr=open(f"{folder}/log-{self.namespace}", "wb"))

        def listening():
            with inside(self.namespace), socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", SSH)) == 0
        wait_for(listening, 10, f"sshd listens in {self.namespace}")


class Recorder:
    """Times, from the kernel, of the packets that arrive in a namespace from one address: what stopped, and when."""

    def __init__(self, namespace, source):
        self.packets = []  # (time, protocol, source port, flags of TCP or 0, bytes after the transport header)
        self.source = source
        self.family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self.address = socket.inet_pton(self.family, source)
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        with inside(namespace):
            self.socket.bind(("eth0", 0x0003))
        self.socket.settimeout(0.05)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                data, control, _flags, address = self.socket.recvmsg(128, 256)
            except TimeoutError:
                if self.stopping:
                    return
                continue
            except OSError:
                return
            if address[2] == 4:  # PACKET_OUTGOING
                continue
            packet = self._parse(data)
            if packet:
                seconds, nanoseconds = struct.unpack("qq", control[0][2][:16])
                self.packets.append((seconds + nanoseconds / 1e9, *packet))

    def _parse(self, data):
        if self.family == socket.AF_INET and data[0] >> 4 == 4 and data[12:16] == self.address:
            protocol, offset, length = data[9], (data[0] & 15) * 4, struct.unpack("!H", data[2:4])[0]
        elif self.family == socket.AF_INET6 and data[0] >> 4 == 6 and data[8:24] == self.address:
            protocol, offset, length = data[6], 40, struct.unpack("!H", data[4:6])[0] + 40
        else:
            return None
        rest = data[offset:]
        if protocol == 6:
            header = (rest[12] >> 4) * 4
            return protocol, struct.unpack("!H", rest[:2])[0], rest[13], length - offset - header
        if protocol == 17:
            return protocol, struct.unpack("!H", rest[:2])[0], 0, length - offset - 8
        return protocol, 0, 0, length - offset

    def last(self, protocol=None):
        """When the latest packet of a program arrived: a bare reset is the kernel's (see lab.py)."""
        times = [packet[0] for packet in self.packets
                 if (protocol is None or packet[1] == protocol) and not (packet[1] == 6 and packet[3] & 0x0f == 0x04)]
        return max(times, default=0.0)

    def stop(self):
        """Read what is left, and end."""
        self.stopping = True
        self.thread.join(5)
        self.socket.close()
