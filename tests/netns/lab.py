# SPDX-License-Identifier: MIT
"""The laboratory: network namespaces, a cgroup and a judge.

    client  192.168.77.2  fd77::2   the guard and the programs under test
    lan     192.168.77.10 fd77::10  a peer on the same link
    router  192.168.77.1  fd77::1   forwards between that link and
    inet    203.0.113.10  2001:db8::10   a peer on "the Internet"

Everything lives in a mount namespace of the test's own, with its own /run (a tmpfs: the namespaces' names, the temporary
folder, no system bus) and its own bpffs: when the test's processes are gone the kernel takes all of it away, pinned programs
included, however the test ended. Only the cgroup is in the machine's own tree, under a random name; it is removed at exit.
Programs run in that cgroup and the guard attaches there, never at the root. The guard itself runs outside it.

The judge is nftables at the peers (ingress, before any socket): packets that came from the client, by protocol, without
ARP, neighbour discovery and group membership, which are the kernel's. Apart are what the kernel, not a program, answers to
packets that find no socket: TCP segments that are nothing but a reset, ICMP "unreachable", ICMP echo replies. A destroyed
connection makes the kernel send those when the peer goes on talking.
"""

import atexit
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time

from tap import skip_all

CLIENT4, CLIENT6 = "192.168.77.2", "fd77::2"
LAN4, LAN6 = "192.168.77.10", "fd77::10"
INET4, INET6 = "203.0.113.10", "2001:db8::10"
NAT64, SIX_TO_FOUR, SHARED4 = "64:ff9b::cb00:710a", "2002:cb00:710a::10", "100.64.0.10"
LOOP4, LOOP6 = "127.0.0.1", "::1"
HOSTS = {"lan": {4: LAN4, 6: LAN6}, "inet": {4: INET4, 6: INET6}, "loopback": {4: LOOP4, 6: LOOP6}}
CLIENT_MAC = "02:4e:47:00:00:02"

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)

# What a kernel sends by itself: see the top of the file.
KERNEL_COUNTERS = ("tcp_reset", "unreachable", "echo_reply")

_JUDGE = """
table netdev judge {
%(counters)s
  chain ingress {
    type filter hook ingress device "eth0" priority 0;
    %(rules)s
  }
  chain from_client {
    ether type arp return
    ip protocol igmp return
    icmpv6 type { 130, 131, 132, 133, 134, 135, 136, 137, 143 } return
    tcp flags & (fin|syn|rst|psh) == rst counter name n_tcp_reset return
    icmp type { destination-unreachable } counter name n_unreachable return
    icmpv6 type { destination-unreachable } counter name n_unreachable return
    icmp type echo-reply counter name n_echo_reply return
    icmpv6 type echo-reply counter name n_echo_reply return
    meta l4proto tcp counter name n_tcp return
    meta l4proto udp counter name n_udp return
    meta l4proto icmp counter name n_icmp return
    meta l4proto icmpv6 counter name n_icmpv6 return
    meta l4proto 136 counter name n_udplite return
    meta l4proto 132 counter name n_sctp return
    counter name n_other
  }
}
"""
COUNTERS = KERNEL_COUNTERS + ("tcp", "udp", "icmp", "icmpv6", "udplite", "sctp", "other")


def _checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind, options="", flags=0):
    _checked(_libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, options.encode()),
             f"mount {kind} on {target}")


def wait_for(condition, seconds, what):
    """Return the condition's first true value, or fail with `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not so: {what}")
        time.sleep(0.002)


def cgroup2_mount():
    with open("/proc/self/mountinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            before, after = line.split(" - ", 1)
            if after.split()[0] == "cgroup2":
                return before.split()[4]
    return None


def build_file(*parts):
    """A file of the build under test: $NETGUARD_BUILD, or build/ beside the sources."""
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.environ.get("NETGUARD_BUILD", os.path.join(here, "..", "..", "build"))
    return os.path.join(os.path.abspath(root), *parts)


def require(programs=(), product=True):
    """End the test with a reason where it cannot run."""
    if os.geteuid() != 0:
        skip_all("needs root: network namespaces and cgroups")
    if not cgroup2_mount():
        skip_all("no cgroup2 mount in /proc/self/mountinfo")
    missing = [name for name in ("ip", "nft", "nsenter", *programs) if not shutil.which(name)]
    if missing:
        skip_all("not installed: " + ", ".join(missing))
    if product:
        for parts in (("src", "guardd", "netguardd"), ("src", "guardd", "netguard-enforcer"), ("src", "cli", "netguard")):
            if not os.access(build_file(*parts), os.X_OK):
                skip_all("not built: " + build_file(*parts))


class Lab:
    def __init__(self):
        self.closers = []
        self.children = []
        self.main_pid = os.getpid()
        os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        _checked(_libc.unshare(CLONE_NEWNS), "unshare mount namespace")
        mount("none", "/", None, flags=MS_REC | MS_PRIVATE)
        mount("ng-lab", "/run", "tmpfs", "mode=0755")
        os.makedirs("/sys/fs/bpf", exist_ok=True)
        mount("ng-lab", "/sys/fs/bpf", "bpf", "mode=0700")
        os.mkdir("/run/sshd", 0o755)
        os.mkdir("/run/lab", 0o755)
        os.mkdir("/run/lab/bin", 0o755)
        self.dir = "/run/lab"
        self.cgroup = os.path.join(cgroup2_mount(), "ng-test-" + secrets.token_hex(4))
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        os.mkdir(self.cgroup)
        self._build_network()

    # -- end ---------------------------------------------------------------------------------------------------------

    def _on_signal(self, number, _frame):
        sys.exit(128 + number)

    def on_close(self, function):
        """Run at the end, last registered first."""
        self.closers.append(function)

    def close(self):
        if os.getpid() != self.main_pid:
            return
        while self.closers:
            with contextlib.suppress(Exception):
                self.closers.pop()()
        for child in self.children:
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                child.wait()
        for cgroup in [self.cgroup]:
            self._remove_cgroup(cgroup)

    def _remove_cgroup(self, cgroup):
        """End what still runs in a cgroup that this lab made, and remove it."""
        if not os.path.isdir(cgroup):
            return
        for name, _folders, _files in os.walk(cgroup, topdown=False):
            def empty(name=name):
                with open(os.path.join(name, "cgroup.procs"), encoding="ascii") as pids:
                    left = [int(pid) for pid in pids.read().split()]
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return not left
            with contextlib.suppress(Exception):
                wait_for(empty, 10, f"{name} is empty")
                wait_for(lambda name=name: not os.path.isdir(name) or _rmdir(name), 10, f"{name} is removed")

    # -- network -----------------------------------------------------------------------------------------------------

    def add_namespace(self, name):
        run_quiet(["ip", "netns", "add", name])
        self.sysctl(name, {"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
                           "net.ipv6.conf.default.accept_ra": 0})
        run_quiet(["ip", "-n", name, "link", "set", "lo", "up"])

    def sysctl(self, namespace, values):
        with inside(namespace):
            for key, value in values.items():
                with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
                    file.write(str(value))

    def ip(self, namespace, text):
        """Commands for `ip -batch` in a namespace; addresses may be written without nodad, it is added."""
        lines = [line.strip() for line in text.strip().splitlines()]
        lines = [line + " nodad" if line.startswith("addr add") and "::" in line else line for line in lines]
        run_quiet(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines))

    def _build_network(self):
        for name in ("client", "lan", "router", "inet"):
            self.add_namespace(name)
        self.ip("router", f"""
            link add br0 type bridge mcast_snooping 0
            link add to-client type veth peer name eth0 netns client address {CLIENT_MAC}
            link add to-lan type veth peer name eth0 netns lan
            link add to-inet type veth peer name eth0 netns inet
            link set to-client master br0 up
            link set to-lan master br0 up
            link set to-inet up
            link set br0 up
            addr add 192.168.77.1/24 dev br0
            addr add 203.0.113.1/24 dev to-inet
            addr add fd77::1/64 dev br0
            addr add 2001:db8::1/64 dev to-inet""")
        self.ip("client", f"""
            link set eth0 up
            addr add {CLIENT4}/24 dev eth0
            addr add {CLIENT6}/64 dev eth0
            route add default via 192.168.77.1
            route add default via fd77::1""")
        self.ip("lan", f"""
            link set eth0 up
            addr add {LAN4}/24 dev eth0
            addr add 169.254.169.254/32 dev eth0
            addr add 198.51.100.10/24 dev eth0
            addr add {LAN6}/64 dev eth0
            route add default via 192.168.77.1
            route add default via fd77::1""")
        self.ip("inet", f"""
            link set eth0 up
            addr add {INET4}/24 dev eth0
            addr add {SHARED4}/32 dev eth0
            addr add {INET6}/64 dev eth0
            addr add {NAT64}/128 dev eth0
            addr add {SIX_TO_FOUR}/128 dev eth0
            route add default via 203.0.113.1 src {INET4}
            route add default via 2001:db8::1 src {INET6}""")
        self.sysctl("router", {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        self.ip("router", f"""
            route add {SHARED4}/32 via {INET4}
            route add {NAT64}/128 via {INET6}
            route add {SIX_TO_FOUR}/128 via {INET6}""")
        self.sysctl("client", {"net.ipv4.tcp_fastopen": 5, "net.ipv4.ping_group_range": "0 2147483647"})
        for name in ("lan", "inet"):
            self.sysctl(name, {"net.ipv4.tcp_fastopen": 0x203})
        self.judge("lan", f"ether saddr {CLIENT_MAC}")
        self.judge("inet", "meta protocol ip ip saddr != 203.0.113.1",
                   "meta protocol ip6 ip6 saddr != { fe80::/10, 2001:db8::1 }")

    def judge(self, namespace, *matches):
        """Count what comes into a peer's eth0 and matches one of the expressions (those that mean "from the client")."""
        text = _JUDGE % {"counters": "\n".join(f"  counter n_{name} {{ }}" for name in COUNTERS),
                         "rules": "\n    ".join(f"{match} goto from_client" for match in matches)}
        run_quiet(["nsenter", f"--net=/run/netns/{namespace}", "nft", "-f", "-"], input=text)

    def counts(self, namespace):
        text = run_quiet(["nsenter", f"--net=/run/netns/{namespace}", "nft", "-j", "list", "counters", "table", "netdev", "judge"])
        found = {}
        for item in json.loads(text)["nftables"]:
            if "counter" in item:
                found[item["counter"]["name"][2:]] = item["counter"]["packets"]
        return found

    @contextlib.contextmanager
    def counting(self, *namespaces):
        """Count during the block; the result is filled when it ends."""
        names = namespaces or ("lan", "inet")
        before = {name: self.counts(name) for name in names}
        result = Counted()
        yield result
        for name in names:
            after = self.counts(name)
            result.by_peer[name] = {key: after[key] - before[name][key] for key in after}

    # -- programs ----------------------------------------------------------------------------------------------------

    def app(self, name, source):
        """A program of its own: a copy, in the lab's folder, of an installed binary. Returns its path."""
        path = os.path.join(self.dir, "bin", name)
        if not os.path.exists(path):
            shutil.copyfile(os.path.realpath(shutil.which(source) or source), path)
            os.chmod(path, 0o755)
        return path

    def helper(self, name):
        """A C helper of tests/netns, from the build or compiled now."""
        built = build_file("tests", "netns", name)
        if os.access(built, os.X_OK):
            return built
        target = os.path.join(self.dir, name)
        if not os.path.exists(target):
            source = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".c")
            run_quiet(["cc", "-O1", "-D_GNU_SOURCE", "-pthread", "-o", target, source])
        return target

    def spawn(self, argv, namespace="client", cgroup="", **options):
        """Start a program in a namespace; cgroup "" is the guarded one, None the lab's own (not guarded)."""
        cgroup = self.cgroup if cgroup == "" else cgroup
        enter = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
        if cgroup:
            enter += ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup]
        options.setdefault("env", {"PATH": os.environ["PATH"], "HOME": self.dir, "LANG": "C"})
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(enter + list(argv), **options)
        self.children.append(child)
        return child

    def run(self, argv, seconds=10, until=None, text=None, **options):
        """Run to the end, or until `until` appears in its output. Returns a Result; a program that is late is ended."""
        started = time.monotonic()
        child = self.spawn(argv, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        output, late = _collect(child, seconds, until, text)
        result = Result(child.returncode, output.decode(errors="replace"), time.monotonic() - started, late)
        self.children.remove(child)
        return result


class Result:
    def __init__(self, code, output, seconds, late):
        self.code, self.output, self.seconds, self.late = code, output, seconds, late

    def __repr__(self):
        return f"exit {self.code} after {self.seconds:.2f} s{' (ended by the test)' if self.late else ''}: {self.output.strip()[-300:]!r}"


class Counted:
    """Packets that arrived at each peer during a block."""

    def __init__(self):
        self.by_peer = {}

    def programs(self, peer):
        """Packets that a program sent."""
        return sum(n for key, n in self.by_peer[peer].items() if key not in KERNEL_COUNTERS)

    def everything(self, peer):
        return sum(self.by_peer[peer].values())

    def __repr__(self):
        return repr({peer: {key: n for key, n in counts.items() if n} for peer, counts in self.by_peer.items()})


def _rmdir(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
        return True
    return False


def _collect(child, seconds, until, text):
    """Everything a child says until its end, the deadline, or `until`."""
    import selectors  # pylint: disable=import-outside-toplevel
    output, late = b"", False
    if text is not None:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(text.encode())
            child.stdin.flush()
        if not until:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0, deadline - time.monotonic())):
                late = True
                break
            data = os.read(child.stdout.fileno(), 65536)
            output += data
            if not data or (until and until.encode() in output):
                break
    if late or (until and until.encode() in output):
        child.kill()
    child.wait()
    child.stdout.close()
    if child.stdin:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
    return output, late


def run_quiet(argv, **options):
    """Run a tool of the lab itself; its failure is the lab's."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {result.returncode}: {result.stderr.strip()}")
    return result.stdout


@contextlib.contextmanager
def inside(namespace):
    """The calling thread is in a network namespace: sockets made here stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    away = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(away, CLONE_NEWNET), f"enter {namespace}")
        yield
    finally:
        _checked(_libc.setns(home, CLONE_NEWNET), "return")
        os.close(away)
        os.close(home)
