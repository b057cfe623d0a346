# SPDX-License-Identifier: MIT
"""A machine of the test's own: a system bus, polkit, accounts, and the guard, in private namespaces.

enter() runs the test again in new mount and pid namespaces; nothing that is mounted there is seen outside, and every process ends
with the test. Inside: /run is empty, /etc/passwd, shadow and group have the test's accounts besides the machine's, polkit reads the
machine's default rules, our policy file and the test's rules, PAM asks for the test accounts' passwords, the bus is dbus-daemon
with Debian's system.conf and our policy file. Nothing is activated by the bus, so that polkit is there when the test says so.

What is real: dbus-daemon, polkitd, pkttyagent, polkit-agent-helper-1 with PAM, netguardd, netguard. What is not: there is no logind,
so nobody has an active session; a rule answers for the account ACTIVE with what the policy file says for active sessions. And the
enforcer is the one for tests, which enforces nothing: what the kernel does is for the suite netns.
"""

import contextlib
import crypt
import itertools
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("NETGUARD_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))

from tap import expect, skip_all  # noqa: E402

POLICY = os.path.join(ROOT, "data", "org.networkguard.guard1.policy.in")
BUS_POLICY = os.path.join(ROOT, "data", "org.networkguard.Guard1.conf")
INTERFACE_XML = os.path.join(ROOT, "src", "api", "org.networkguard.Guard1.xml")
POLKITD = "/usr/lib/polkit-1/polkitd"
CALLER = os.path.join(HERE, "caller.py")

# Accounts. ADMIN is in sudo, whose members polkit asks for their passwords; ACTIVE and the others named so stand for somebody at
# the desk. There are several because the audit chain takes ten refusals a minute of each.
ADMIN, ACTIVE, OTHER = ("ngadmin", 61001), ("ngactive", 61002), ("ngother", 61003)
ACTIVE2, ACTIVE3, ACTIVE4 = ("ngactive2", 61004), ("ngactive3", 61005), ("ngactive4", 61006)
STRANGERS = [(f"ngother{number}", 61010 + number) for number in range(1, 9)]
ACCOUNTS = (ADMIN, ACTIVE, OTHER, ACTIVE2, ACTIVE3, ACTIVE4, *STRANGERS)
PASSWORD = "open sesame 7"
NEEDED = ["/usr/bin/dbus-daemon", POLKITD, "/usr/bin/pkttyagent", "/usr/bin/unshare", "/usr/bin/setpriv",
          "/usr/share/dbus-1/system.conf"]


def enter():
    """Returns inside; outside it never returns."""
    if os.geteuid() != 0:
        skip_all("needs root: it makes namespaces and accounts of its own")
    for name in NEEDED:
        if not os.path.exists(name):
            skip_all(f"{name} is not installed")
    if os.environ.get("NETGUARD_BUS_WORLD") == "inside":
        return
    if subprocess.run(["/usr/bin/python3", "-c", "from gi.repository import Gio"], capture_output=True, check=False).returncode:
        skip_all("python3-gi is not installed")
    argv = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts",
            sys.executable, *sys.argv]
    os.execvpe(argv[0], argv, {**os.environ, "NETGUARD_BUS_WORLD": "inside"})


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what() if callable(what) else what}")
        select.select([], [], [], 0.01)


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def mount(*argv):
    subprocess.run(["mount", *argv], check=True)


def active_values():
    """What the policy file says for an active local session, by action."""
    return {action.get("id"): action.find("defaults/allow_active").text for action in ET.parse(POLICY).getroot().findall("action")}


RULES = """
/* There is no logind here. What polkit would take from the policy file's allow_active for somebody at the desk is said by this rule. */
polkit.addRule(function(action, subject) {
    var active = %s;
    if (subject.user.indexOf("ngactive") == 0 && active[action.id])
        return active[action.id];
});
%s
"""


class World:
    def __init__(self):
        self.dir = "/run/netguard-test"
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        for folder in ("dbus", "lock", "netguard-test", "netguard-test/bin"):
            os.makedirs(os.path.join("/run", folder))
        self.processes = []
        self.accounts()
        self.polkit_files()
        self.dbus_files()
        self.guard = self.polkit = self.bus = None
        self.serial = itertools.count(1)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # -- files ---------------------------------------------------------------------------------------------------------

    def cover(self, target, text, mode=0o644):
        """A file of ours over one of the machine's."""
        ours = self.path("cover-" + target.strip("/").replace("/", "-"))
        write(ours, text, mode)
        mount("--bind", ours, target)

    def accounts(self):
        def read(name):
            with open(name, encoding="utf-8") as file:
                return file.read()
        passwd, group = read("/etc/passwd"), read("/etc/group")
        group = re.sub(r"^sudo:.*\n", "", group, flags=re.M) + f"sudo:x:27:{ADMIN[0]}\n"
        shadow = "".join(f"{line.split(':')[0]}:*:19000:0:99999:7:::\n" for line in passwd.splitlines())
        for name, uid in ACCOUNTS:
            passwd += f"{name}:x:{uid}:{uid}::/run/netguard-test:/bin/sh\n"
            group += f"{name}:x:{uid}:\n"
            shadow += f"{name}:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_SHA512, rounds=1000))}:19000:0:99999:7:::\n"
        if not re.search(r"^netguard:", passwd, flags=re.M):
            passwd += "netguard:x:61000:61000::/nonexistent:/usr/sbin/nologin\n"
            group += "netguard:x:61000:\n"
            shadow += "netguard:*:19000:0:99999:7:::\n"
        self.cover("/etc/passwd", passwd)
        self.cover("/etc/group", group)
        self.cover("/etc/shadow", shadow, 0o600)
        pam = "auth required pam_unix.so nodelay\naccount required pam_unix.so\npassword required pam_deny.so\n" \
              "session required pam_permit.so\n"
        self.cover("/usr/lib/pam.d/polkit-1", pam)

    def polkit_files(self):
        for folder in ("actions", "rules.d"):
            ours = self.path("polkit-" + folder)
            shutil.copytree(os.path.join("/usr/share/polkit-1", folder), ours)
            os.chmod(ours, 0o755)  # polkitd reads it as its own user
            mount("--bind", ours, os.path.join("/usr/share/polkit-1", folder))
        shutil.copy(POLICY, "/usr/share/polkit-1/actions/org.networkguard.guard1.policy")
        os.makedirs(self.path("rules"), 0o755)
        mount("--bind", self.path("rules"), "/etc/polkit-1/rules.d")
        self.write_rules("")

    def write_rules(self, more):
        write("/etc/polkit-1/rules.d/10-active.rules", RULES % (json.dumps(active_values()), more))

    def dbus_files(self):
        os.makedirs(self.path("system.d"))
        for name in os.listdir("/usr/share/dbus-1/system.d"):
            shutil.copy(os.path.join("/usr/share/dbus-1/system.d", name), self.path("system.d"))
        shutil.copy(BUS_POLICY, self.path("system.d"))
        mount("--bind", self.path("system.d"), "/usr/share/dbus-1/system.d")
        os.makedirs(self.path("services"))
        mount("--bind", self.path("services"), "/usr/share/dbus-1/system-services")

    # -- processes -----------------------------------------------------------------------------------------------------

    def spawn(self, argv, **options):
        process = subprocess.Popen(argv, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def logged(self, name, argv, **options):
        log = open(self.path(name + ".log"), "ab")
        return self.spawn(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def start_bus(self):
        for name in ("system_bus_socket", "pid"):  # of one that was ended
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/run/dbus/{name}")
        self.bus = self.logged("bus", ["dbus-daemon", "--system", "--nofork", "--nosyslog"])
        wait_for(lambda: os.path.exists("/run/dbus/system_bus_socket"), 10, "the bus listens")

    def has_owner(self, name):
        done = subprocess.run(["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus.NameHasOwner", f"string:{name}"], capture_output=True, text=True, check=False)
        return "true" in done.stdout

    def start_polkit(self):
        self.polkit = self.logged("polkit", [POLKITD, "--no-debug"])
        wait_for(lambda: self.has_owner("org.freedesktop.PolicyKit1"), 20, lambda: "polkit is on the bus: " + self.log("polkit"))

    def end(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        process.wait(20)

    def start_guard(self):
        for folder in ("etc/apps.d", "vendor"):
            os.makedirs(self.path(folder), exist_ok=True)
        shutil.copy(os.path.join(BUILD, "src/guardd/netguardd"), self.path("bin/netguardd"))
        shutil.copy(os.path.join(BUILD, "src/guardd/test-enforcer"), self.path("bin/netguard-enforcer"))
        log = open(self.path("guard.log"), "ab")
        self.guard = self.spawn([self.path("bin/netguardd"), "--config", self.path("etc"), "--state", self.path("state"), "--runtime",
                                 "/run/netguard", "--vendor", self.path("vendor"), "--user", "netguard"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.guard.stdout.readline()
        expect(line == b"netguardd: ready\n", f"netguardd said {line!r}: {self.log('guard')}")
        if self.bus:
            wait_for(lambda: self.has_owner("org.networkguard.Guard1"), 20, lambda: "the guard is on the bus: " + self.log("guard"))

    def stop_guard(self):
        self.end(self.guard)
        self.guard.stdout.close()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    # -- callers -------------------------------------------------------------------------------------------------------

    def caller(self, account, socket=False):
        return Caller(self, account, socket)

    def root(self, method, args="()", types=None):
        """Ask as root, on the socket. The reply as Python has it is not needed: its text is."""
        with self.caller(("root", 0), socket=True) as caller:
            return caller.ask(method, args, types=types)

    def netguard(self, *arguments, account=("root", 0), stdin=None):
        done = subprocess.run([*as_account(account), os.path.join(BUILD, "src/cli/netguard"), *arguments], capture_output=True, text=True,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, timeout=60, check=False,
                              env={"PATH": os.environ["PATH"], "LANG": "C"})
        return done.returncode, done.stdout, done.stderr

    def audit(self):
        code, output, error = self.netguard("audit", "--json", "--limit", "10000", "--runtime", "/run/netguard")
        expect(code == 0, f"netguard audit: {code}: {error}")
        return json.loads(output)


def as_account(account):
    return [] if account[1] == 0 else ["setpriv", f"--reuid={account[1]}", f"--regid={account[1]}", "--clear-groups"]


class Caller:
    """A process of `account` that calls the guard (caller.py)."""

    def __init__(self, world, account, socket):
        argv = [*as_account(account), "/usr/bin/python3", CALLER, *(["/run/netguard/guard.sock"] if socket else [])]
        self.process = world.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                   env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
        self.about = self.answer()
        self.pid = self.about["pid"]

    def answer(self, seconds=60):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        expect(ready, f"no answer within {seconds} s")
        line = self.process.stdout.readline()
        expect(line, "the caller ended")
        return json.loads(line)

    def send(self, **ask):
        self.process.stdin.write(json.dumps(ask) + "\n")
        self.process.stdin.flush()

    def do(self, **ask):
        self.send(**ask)
        return self.answer()

    def ask(self, method, args="()", interactive=False, types=None, **more):
        ask = {"method": method, "args": args, "interactive": interactive, **more}
        if types:
            ask["types"] = types
        return self.do(**ask)

    def leave(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
            self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        with contextlib.suppress(BrokenPipeError):
            self.leave()


def wait_until_silent(terminal):
    """Whoever reads a password has switched the echo off: what is typed before that is thrown away by pkttyagent."""
    wait_for(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, 20, "the terminal does not echo")


class TextAgent:
    """pkttyagent on a terminal of its own, for one process."""

    def __init__(self, account, pid):
        read, notify = os.pipe()
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.set_inheritable(notify, True)
            argv = [*as_account(account), "pkttyagent", "--process", str(pid), "--notify-fd", str(notify)]
            os.execvp(argv[0], argv)
        os.close(notify)
        self.said = ""
        expect(select.select([read], [], [], 20)[0], "pkttyagent is ready")
        os.close(read)

    def wait_for(self, words, seconds=20):
        end = time.monotonic() + seconds
        while words not in self.said:
            expect(time.monotonic() < end and select.select([self.terminal], [], [], 0.1)[0] is not None,
                   f"the agent says {words!r}; it said {self.said!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self.terminal, 4096).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"the agent ended; it said {self.said!r}") from None

    def type(self, text):
        wait_until_silent(self.terminal)
        self.said = ""
        os.write(self.terminal, text.encode() + b"\n")

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.child, 0)
        with contextlib.suppress(OSError):
            os.close(self.terminal)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()
