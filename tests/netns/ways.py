#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ways around that other tools fell for (bypasses, rows 14 to 19, 25, 26), each under each profile, IPv4 and IPv6, with
the packet counters at the peers as judge. Each way is first shown to work without the guard."""

import socket
import sys

from agent import Agent, Refused
from guard import is_bare, make_guard
from lab import (CLIENT4, CLIENT6, INET4, INET6, LAN4, LAN6, NAT64, SHARED4, SIX_TO_FOUR, Lab, inside, require,
                 run_quiet, wait_for)
from peers import ECHO, IPPROTO_MPTCP, MPTCP, Peer
from tap import Skip, Tap, expect, expect_equal

NEAR, FAR = {4: LAN4, 6: LAN6}, {4: INET4, 6: INET6}
UDPLITE, SCTP, RAW = 136, 132, 253
ICMP_ECHO = r"b'\x08\x00\xf7\xff\x00\x00\x00\x00'"
ICMP6_ECHO = r"b'\x80\x00\x00\x00\x00\x00\x00\x00'"

# name -> Python text for the agent; {host} and {family} are filled in. Each sends one thing to the host.
CALLS = {
    "UDP sendto": "udp({host!r}, 7001)",
    "UDP connect and send": "s = socket.socket({family}, socket.SOCK_DGRAM); s.connect(({host!r}, 7001)); s.send(b'x')",
    "UDP sendmsg": "s = socket.socket({family}, socket.SOCK_DGRAM); s.sendmsg([b'x'], [], 0, ({host!r}, 7001))",
    "UDP with segmentation offload": "s = socket.socket({family}, socket.SOCK_DGRAM); s.setsockopt(17, 103, 500); "
                                     "s.sendto(b'x' * 2000, ({host!r}, 7001))",
    "UDP corked": "s = socket.socket({family}, socket.SOCK_DGRAM); s.sendto(b'x', socket.MSG_MORE, ({host!r}, 7001)); "
                  "s.sendto(b'y', ({host!r}, 7001))",
    "UDP without fragmentation checks or routing": "s = socket.socket({family}, socket.SOCK_DGRAM); s.sendto(b'x', "
                                                   "socket.MSG_CONFIRM, ({host!r}, 7001))",
    "UDP from a bound socket": "s = socket.socket({family}, socket.SOCK_DGRAM); s.bind(('', 0)); s.sendto(b'x', ({host!r}, 7001))",
    "TCP connect": "talk(tcp({host!r}, 7001))",
    "TCP connect without blocking": "import select; s = socket.socket({family}, socket.SOCK_STREAM); s.setblocking(False)\n"
                                    "e = s.connect_ex(({host!r}, 7001))\n"
                                    "if e != 115: raise OSError(e, os.strerror(e))\n"
                                    "select.select([], [s], [], 3); s.send(b'x')",
    "TCP Fast Open by sendto": "s = socket.socket({family}, socket.SOCK_STREAM); s.settimeout(3); "
                               "s.sendto(b'hello', socket.MSG_FASTOPEN, ({host!r}, 7001))",
    "MPTCP": f"talk(tcp({{host!r}}, {MPTCP}, proto={IPPROTO_MPTCP}))",
    "UDP-Lite": f"s = socket.socket({{family}}, socket.SOCK_DGRAM, {UDPLITE}); s.sendto(b'x', ({{host!r}}, 7001))",
    "SCTP": f"s = socket.socket({{family}}, socket.SOCK_STREAM, {SCTP}); s.settimeout(3); s.connect(({{host!r}}, 7001))",
    "raw IP, protocol 253": f"s = socket.socket({{family}}, socket.SOCK_RAW, {RAW}); s.sendto(b'x', ({{host!r}}, 0))",
    "raw IP, protocol TCP": "s = socket.socket({family}, socket.SOCK_RAW, 6); s.sendto(b'\\x1b\\x58\\x1b\\x59' + bytes(8) + "
                            "b'\\x50\\x02\\x00\\x00' + bytes(4), ({host!r}, 0))",
    "raw IP, connected": f"s = socket.socket({{family}}, socket.SOCK_RAW, {RAW}); s.connect(({{host!r}}, 0)); s.send(b'x')",
    "ICMP echo from a ping socket": "s = socket.socket({family}, socket.SOCK_DGRAM, {icmp}); s.sendto({echo}, ({host!r}, 0))",
    "ICMP echo from a raw socket": "s = socket.socket({family}, socket.SOCK_RAW, {icmp}); s.sendto({echo}, ({host!r}, 0))",
}
CALLS4 = {
    "raw IP with a header of its own": "h = b'\\x45\\0\\0\\x15\\0\\1\\0\\0\\x40\\xfd\\0\\0' + socket.inet_aton('0.0.0.0') + "
                                       "socket.inet_aton({host!r}); s = socket.socket({family}, socket.SOCK_RAW, 255); "
                                       "s.sendto(h + b'x', ({host!r}, 0))",
    "an IPv4-mapped IPv6 address, TCP": "talk(tcp('::ffff:' + {host!r}, 7001))",
    "an IPv4-mapped IPv6 address, UDP": "udp('::ffff:' + {host!r}, 7001)",
}
CALLS6 = {
    "raw IPv6 with a header of its own": "s = socket.socket({family}, socket.SOCK_RAW, 255); s.setsockopt(41, 36, 1); "
                                         "s.sendto(b'\\x60\\0\\0\\0\\0\\1\\xfd\\x40' + socket.inet_pton({family}, 'fd77::2') + "
                                         "socket.inet_pton({family}, {host!r}) + b'x', ({host!r}, 0))",
}
HELPER_ALONE = ("fastopen-connect", "uring-tcp", "uring-udp", "uring-tcp-async", "uring-udp-async", "uring-tcp-sqpoll",
                "uring-udp-sqpoll", "uring-tcp-direct", "uring-udp-direct")
HELPER_PAIRS = ("sendmmsg", "udp-unspec", "tcp-unspec", "reconnect")


def fill(text, host):
    is_ipv6 = ":" in host
    return text.format(host=host, family="socket.AF_INET6" if is_ipv6 else "socket.AF_INET", icmp=58 if is_ipv6 else 1,
                       echo=ICMP6_ECHO if is_ipv6 else ICMP_ECHO)


class Ways:
    def __init__(self, lab, guard):
        self.lab, self.guard = lab, guard
        self.agent = Agent(lab, "wayfarer")
        self.helper = lab.app("ways", lab.helper("ways"))

    def set(self, profile):
        self.guard.set(self.agent.path, profile)
        self.guard.set(self.helper, profile)

    def call(self, text, host):
        """The errno's name or "", and the packets."""
        self.agent.call("s = None")  # closing an earlier socket may send a last packet: before the counting
        with self.lab.counting() as packets:
            error = self.agent.errno(fill(text, host))
        return error, packets

    def help(self, way, near, far):
        with self.lab.counting() as packets:
            result = self.lab.run([self.helper, way, near, far, str(ECHO)])
        said = result.output.strip()
        if said.startswith("unsupported"):
            raise Skip(f"this kernel: {said}")
        return said, packets, result


# The kernel drops the packet but does not tell the program: ping_v6_sendmsg() ignores what became of it.
SILENT = {("ICMP echo from a ping socket", 6)}


def expect_nothing(packets, *peers):
    """Not one packet of a program. (The kernel itself may still answer what the control before it left under way: an echo that
    comes back to a socket that is closed is "unreachable".)"""
    for peer in peers or ("lan", "inet"):
        expect_equal(packets.programs(peer), 0, f"packets at {peer} ({packets})")


def check_call(tap, ways, name, text, family):
    near, far = NEAR[family], FAR[family]
    supported = True
    with tap.point(f"control: {name} over IPv{family} reaches the LAN and the Internet under Online"):
        ways.set("online")
        for peer, host in (("lan", near), ("inet", far)):
            error, packets = ways.call(text, host)
            if error in ("EPROTONOSUPPORT", "ESOCKTNOSUPPORT"):
                supported = False
                raise Skip(f"this kernel has no {name}")
            expect_equal(error, "", f"the call to {host}")
            expect(packets.programs(peer) + packets.by_peer[peer]["tcp_reset"] > 0, f"the judge saw it: {packets}")
    if not supported:
        return
    refused = "" if (name, family) in SILENT else "EPERM"
    how = "refused" if refused else "(limit: without an error)"
    with tap.point(f"{name} over IPv{family} under Offline: {how}, nothing arrives", blocks=True):
        ways.set("offline")
        for host in (near, far):
            error, packets = ways.call(text, host)
            expect_nothing(packets)
            expect_equal(error, refused, f"the call to {host}")
    with tap.point(f"{name} over IPv{family} under Local: the LAN is reached, the Internet is not", blocks=True):
        ways.set("local")
        error, packets = ways.call(text, near)
        expect_equal(error, "", f"the call to {near}")
        expect(packets.programs("lan") + packets.by_peer["lan"]["tcp_reset"] > 0, f"the LAN is reached: {packets}")
        error, packets = ways.call(text, far)
        expect_nothing(packets)
        expect_equal(error, refused, f"the call to {far}")


def check_alone(tap, ways, way, family):
    near, far = NEAR[family], FAR[family]
    with tap.point(f"control: {way} over IPv{family} reaches both peers under Online"):
        ways.set("online")
        for peer, host in (("lan", near), ("inet", far)):
            said, packets, result = ways.help(way, near, host)
            expect_equal(said, "sent", f"to {host} ({result})")
            expect(packets.programs(peer) > 0, f"the judge saw it: {packets}")
    with tap.point(f"{way} over IPv{family} under Offline: refused, nothing arrives", blocks=True):
        ways.set("offline")
        for host in (near, far):
            said, packets, result = ways.help(way, near, host)
            expect_nothing(packets)
            expect(said in ("EPERM", "EACCES"), f"to {host}: {result}")
    with tap.point(f"{way} over IPv{family} under Local: the LAN is reached, the Internet is not", blocks=True):
        ways.set("local")
        said, packets, result = ways.help(way, near, near)
        expect_equal(said, "sent", f"to {near} ({result})")
        said, packets, result = ways.help(way, near, far)
        expect_nothing(packets)
        expect_equal(said, "EPERM", f"to {far} ({result})")


def check_pair(tap, ways, way, family):
    """One socket, first to the LAN, then to the Internet."""
    near, far = NEAR[family], FAR[family]
    done = "2" if way == "sendmmsg" else "sent"
    with tap.point(f"control: {way} over IPv{family} reaches both peers under Online"):
        ways.set("online")
        said, packets, result = ways.help(way, near, far)
        expect_equal(said, done, repr(result))
        expect(packets.programs("lan") > 0 and packets.programs("inet") > 0, f"the judge saw it: {packets}")
    with tap.point(f"{way} over IPv{family} under Local: what is for the LAN arrives, what is for the Internet is refused",
                   blocks=True):
        ways.set("local")
        said, packets, result = ways.help(way, near, far)
        expect_nothing(packets, "inet")
        expect(packets.programs("lan") > 0, f"the LAN is reached: {packets}")
        expect_equal(said, "1" if way == "sendmmsg" else "EPERM", repr(result))
        said, packets, result = ways.help(way, far, near)  # the forbidden one first
        expect_nothing(packets, "inet")
    with tap.point(f"{way} over IPv{family} under Offline: nothing arrives", blocks=True):
        ways.set("offline")
        said, packets, result = ways.help(way, near, far)
        expect_nothing(packets)
        expect(said in ("EPERM", "-1"), repr(result))


def link_local(namespace):
    output = run_quiet(["ip", "-n", namespace, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"])
    return output.split()[3].split("/")[0]


def check_addresses(tap, ways):
    """Addresses that mean something else than they look like (row 18). `true` where Local may."""
    agent = ways.agent
    scoped = f"'{link_local('lan')}%eth0'"
    cases = (
        ("0.0.0.0 is this machine", "'0.0.0.0'", None, True), (":: is this machine", "'::'", None, True),
        ("::ffff:127.0.0.1 is this machine", "'::ffff:127.0.0.1'", None, True),
        ("127.1.2.3 is this machine", "'127.1.2.3'", None, True),
        ("an IPv6 link-local address with a scope is the LAN", scoped, "lan", True),
        ("a NAT64 address is the Internet", repr(NAT64), "inet", False),
        ("a 6to4 address is the Internet", repr(SIX_TO_FOUR), "inet", False),
        ("100.64.0.0/10 is not local", repr(SHARED4), "inet", False),
        ("::ffff:100.64.0.10 is not local", repr("::ffff:" + SHARED4), "inet", False),
        ("the cloud's metadata address is not local", "'169.254.169.254'", "lan", False),
        ("::ffff:169.254.169.254 is not local", "'::ffff:169.254.169.254'", "lan", False),
        ("::ffff:203.0.113.10 is the Internet", repr("::ffff:" + INET4), "inet", False),
    )
    # A scoped address needs its index: getaddrinfo gives the whole address.
    reach = ("a = socket.getaddrinfo({0}, 7001, type=socket.SOCK_STREAM)[0]; s = socket.socket(a[0], a[1]); s.settimeout(3); "
             "s.connect(a[4]); talk(s)")
    send = ("a = socket.getaddrinfo({0}, 7001, type=socket.SOCK_DGRAM)[0]; s = socket.socket(a[0], a[1]); s.sendto(b'x', a[4])")
    run_quiet(["ip", "-n", "client", "route", "replace", "169.254.169.254/32", "dev", "eth0"])
    for name, host, peer, is_local in cases:
        with tap.point(f"control: {name}: reached under Online"):
            ways.set("online")
            with ways.lab.counting() as packets:
                for text in (reach, send):
                    expect_equal(agent.errno(text.format(host)), "", host)
            expect(not peer or packets.programs(peer) > 0, f"the judge saw it: {packets}")
        with tap.point(f"{name}: refused under Offline, {'reached' if is_local else 'refused'} under Local", blocks=True):
            for profile in ("offline", "local"):
                ways.set(profile)
                allowed = profile == "local" and is_local
                with ways.lab.counting() as packets:
                    errors = [agent.errno(text.format(host)) for text in (reach, send)]
                expect_equal(errors, ["", ""] if allowed else ["EPERM", "EPERM"], f"{profile}: connect and sendto")
                if not allowed:
                    expect_nothing(packets)
    with tap.point("a public address in a prefix of an own interface is local", blocks=True):
        run_quiet(["ip", "-n", "client", "addr", "add", "198.51.100.2/24", "dev", "eth0"])
        ways.set("local")
        wait_for(lambda: agent.errno(f"tcp('198.51.100.10', {ECHO})") == "", 10, "the on-link peer is reached")
        run_quiet(["ip", "-n", "client", "addr", "del", "198.51.100.2/24", "dev", "eth0"])
        wait_for(lambda: agent.errno(f"tcp('198.51.100.10', {ECHO}, 0.3)") == "EPERM", 10, "no longer when the prefix is gone")


SERVE = """
l = socket.socket(socket.AF_INET6, socket.SOCK_STREAM); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.setsockopt(41, 26, 0); l.bind(('::', 8082)); l.listen(8); l.settimeout(0.6)
d = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); d.setsockopt(41, 26, 0); d.bind(('::', 8082)); d.settimeout(0.6)
"""


def knock(namespace, host, agent):
    """A peer reaches for the program's sockets, TCP and UDP. What each side saw: (tcp, udp)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with inside(namespace):
        stream, datagrams = socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
    with stream, datagrams:
        stream.settimeout(0.4)
        connected = stream.connect_ex((host, 8082)) == 0
        accepted = agent.errno("c = l.accept()[0]; c.sendall(b'hi'); c.close()") == ""
        datagrams.sendto(b"knock", (host, 8082))
        try:
            received = agent.call("m, who = d.recvfrom(100); d.sendto(b'hi', who); result = True")
        except Refused:
            received = False
    return connected and accepted, received is not False


def check_reached(tap, ways):
    agent = Agent(ways.lab, "server")
    for profile, may in (("online", ("lan", "inet")), ("local", ("lan",)), ("offline", ())):
        for family, host in ((4, CLIENT4), (6, CLIENT6)):
            promise = {"online": "both peers", "local": "the LAN and not from the Internet", "offline": "nowhere"}[profile]
            with tap.point(f"a program that listens under {profile.title()} is reached over IPv{family} from {promise}",
                           blocks=profile != "online"):
                ways.guard.set(agent.path, profile)
                if profile == "offline":
                    expect_equal(agent.errno("l.close(); d.close()\n" + SERVE), "EPERM", "bind()")
                    continue
                agent.call(SERVE)
                for peer in ("lan", "inet"):
                    with ways.lab.counting(peer) as packets:
                        seen = knock(peer, host, agent)
                    expect_equal(seen, (peer in may, peer in may), f"from {peer}: TCP and UDP")
                    if peer not in may:
                        expect_equal(packets.programs(peer), 0, f"packets back to {peer} ({packets})")
                agent.call("l.close(); d.close()")
    with tap.point("an Offline program that listens without bind() is not reached", blocks=True):
        ways.guard.set(agent.path, "offline")
        error = agent.errno("l = socket.socket(socket.AF_INET6, socket.SOCK_STREAM); l.setsockopt(41, 26, 0); l.listen(8)")
        port = 0 if error else agent.call("l.getsockname()[1]")
        tap.note(f"listen() said {error or 'yes'}, port {port}")
        for peer in ("lan", "inet"):
            for family, host in ((socket.AF_INET, CLIENT4), (socket.AF_INET6, CLIENT6)):
                with inside(peer), ways.lab.counting(peer) as packets, socket.socket(family) as probe:
                    probe.settimeout(0.3)
                    expect(not port or probe.connect_ex((host, port)) != 0, f"{peer} reaches it at {host}")
                expect_equal(packets.programs(peer), 0, f"packets back to {peer} ({packets})")
    agent.end()


def check_namespaces(tap, lab, guard):
    """Row 25: another network namespace with the same addresses, and the same five-tuple in both."""
    for name in ("twin", "twinpeer"):
        lab.add_namespace(name)
    lab.ip("twin", f"""
        link add eth0 type veth peer name eth0 netns twinpeer
        link set eth0 up
        addr add {CLIENT4}/24 dev eth0
        addr add {CLIENT6}/64 dev eth0
        route add default via {LAN4}
        route add default via {LAN6}""")
    lab.ip("twinpeer", f"""
        link set eth0 up
        addr add {LAN4}/24 dev eth0
        addr add {LAN6}/64 dev eth0
        addr add {INET4}/32 dev eth0
        addr add {INET6}/128 dev eth0""")
    lab.judge("twinpeer", "meta protocol { ip, ip6 }")
    Peer(lab, "twinpeer")
    agents = {(where, profile): Agent(lab, f"ns-{profile}", namespace=where)
              for where in ("client", "twin") for profile in ("offline", "online", "local")}
    for profile in ("offline", "online", "local"):
        guard.set(agents["twin", profile].path, profile)
    fixed = "s = socket.socket(fam({0!r}), socket.{2}); s.bind(('', {1})); s.settimeout(3); s.connect(({0!r}, 7001)); talk(s)"
    with tap.point("programs in another network namespace are guarded alike", blocks=True):
        with lab.counting("twinpeer") as packets:
            for host in (LAN4, LAN6, INET4, INET6):
                for call in (f"tcp({host!r}, 7001)", f"udp({host!r}, 7001)"):
                    expect_equal(agents["twin", "offline"].errno(call), "EPERM", f"Offline: {call}")
        expect_equal(packets.everything("twinpeer"), 0, f"packets ({packets})")
        expect_equal(agents["twin", "local"].call(f"talk(tcp({LAN4!r}, 7001))"), "hello", "Local to the LAN")
        expect_equal(agents["twin", "local"].errno(f"tcp({INET4!r}, 7001)"), "EPERM", "Local to the Internet")
        expect_equal(agents["twin", "online"].call(f"talk(tcp({INET6!r}, 7001))"), "hello", "Online to the Internet")
    for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
        with tap.point(f"the same five-tuple in two namespaces: allowed in one does not allow the other, {kind}", blocks=True):
            number = 40001 if kind == "SOCK_STREAM" else 40002
            expect_equal(agents["client", "online"].call(f"g = socket.socket(socket.AF_INET, socket.{kind}); g.bind(('', {number})); "
                                                         f"g.settimeout(3); g.connect(({LAN4!r}, 7001)); result = talk(g)"),
                         "hello", "Online in the first namespace")
            with lab.counting("twinpeer") as packets:
                expect_equal(agents["twin", "offline"].errno(fixed.format(LAN4, number, kind)), "EPERM", "Offline in the second")
            expect_equal(packets.everything("twinpeer"), 0, f"packets ({packets})")
            expect_equal(agents["client", "online"].call("talk(g)"), "hello", "the first goes on")
    with tap.point("an Offline program that enters a new network namespace stays offline there, loopback included", blocks=True):
        agents["twin", "offline"].end()
        agent = Agent(lab, "ns-offline", argv=["unshare", "--net"])
        agent.call("import fcntl; s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x49))")
        expect_equal(agent.errno("tcp('127.0.0.1', 9)"), "EPERM", "loopback of the new namespace")
        expect_equal(agent.errno("udp('127.0.0.1', 9)"), "EPERM", "loopback of the new namespace")


def check_packet_socket(tap, ways):
    with tap.point("limit: AF_PACKET (root only) is below IP and is not judged without BPF LSM"):
        ways.set("offline")
        frame = "b'\\xff' * 6 + b'\\x02\\x4e\\x47\\0\\0\\2' + b'\\x88\\xb5' + b'x' * 50"
        with ways.lab.counting("lan") as packets:
            error = ways.agent.errno(f"s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); s.bind(('eth0', 0)); s.send({frame})")
        tap.note(f"errno {error!r}; {packets}")
        expect(error == "" and packets.by_peer["lan"]["other"] == 1, "the frame arrives")


def main():
    require([], product=not is_bare())
    tap = Tap()
    lab = Lab()
    for name in ("lan", "inet", "client"):
        Peer(lab, name)
    guard = make_guard(lab)
    guard.start()
    ways = Ways(lab, guard)
    for family, more in ((4, CALLS4), (6, CALLS6)):
        for name, text in {**CALLS, **more}.items():
            check_call(tap, ways, name, text, family)
        for way in HELPER_ALONE:
            check_alone(tap, ways, way, family)
        for way in HELPER_PAIRS:
            check_pair(tap, ways, way, family)
    check_addresses(tap, ways)
    check_reached(tap, ways)
    check_namespaces(tap, lab, guard)
    check_packet_socket(tap, ways)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
