# SPDX-License-Identifier: MIT
"""A machine of a test's own: systemd as process 1 of namespaces of its own, on a root of its own. For boot.py and tests/package.

Its cgroup tree begins at a cgroup of the test's, and so a guard started there with no option guards that and nothing else. It has no
network but its loopback. With the first process all of it goes: mounts, network, pinned programs. machine.sh says how it begins."""

import contextlib
import ctypes
import os
import secrets
import select
import signal
import subprocess

from guard import children_of
from lab import cgroup2_mount, wait_for
from tap import Skip, expect

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEMD = "/lib/systemd/systemd"
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """However the test ends, process 1 of the namespaces ends with it, and everything in them."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """`script` (of tests/netns) with `arguments` becomes systemd. What is said before goes to a file in `work`."""

    def __init__(self, work, script, *arguments):
        self.cgroup = os.path.join(cgroup2_mount(), "ng-test-" + secrets.token_hex(4))
        os.mkdir(self.cgroup)
        self.log = open(os.path.join(work, "log"), "w+b")
        enter = 'echo $$ > "$0/cgroup.procs" && exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child "$@"'
        self.unshare = subprocess.Popen(
            ["sh", "-c", enter, self.cgroup, "sh", os.path.join(HERE, script), *arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        self.children = []
        self.pid = None

    def start(self):
        """Until systemd says that it has done what it was told."""
        self.pid = wait_for(self._init, 60, "systemd runs")
        wait_for(lambda: self.call("test", "-S", "/run/systemd/private").returncode == 0, 30, "systemd listens")
        state = self.call("systemctl", "is-system-running", "--wait", seconds=60).stdout.strip()
        expect(state in ("running", "degraded"), f"systemd says it is {state}")

    def _init(self):
        if self.unshare.poll() is not None:
            self.log.seek(0)
            raise Skip("a root of its own for systemd cannot be made here: " + self.log.read().decode(errors="replace").strip()[-200:])
        for pid in children_of(self.unshare.pid):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe").endswith("/systemd"):
                    return pid
        return None

    def call(self, *argv, seconds=30):
        """Run with all power in there, outside the guarded cgroup."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-a", *argv], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=seconds, check=False)

    def must(self, *argv, seconds=30):
        done = self.call(*argv, seconds=seconds)
        expect(done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout

    def service(self, *argv, **options):
        """Run as a unit of its own: in the guarded cgroup."""
        return self.call("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *argv, **options)

    def spawn(self, *argv):
        child = subprocess.Popen(["nsenter", "-t", str(self.pid), "-a", "systemd-run", "--quiet", "--wait", "--pipe", "--collect", *argv],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.children.append(child)
        return child

    def show(self, name, unit="netguardd.service"):
        return self.must("systemctl", "show", "--property", name, "--value", unit).strip()

    def main_pid(self):
        """The engine's, as this test's own namespace counts."""
        inner = self.show("MainPID")
        for folder, _folders, _files in os.walk(self.cgroup):
            with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as pids:
                for pid in pids.read().split():
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
                        if f"NSpid:\t{pid}\t{inner}\n" in status.read():
                            return int(pid)
        raise AssertionError(f"process {inner} of the unit is not in the cgroup")

    def close(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        for child in [self.unshare, *self.children]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
        for folder, _folders, _files in os.walk(self.cgroup, topdown=False):
            wait_for(lambda folder=folder: _rmdir(folder), 10, f"{folder} is removed")
        self.log.close()


def _rmdir(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
        return True
    return not os.path.exists(path)


def line_of(child, seconds=20):
    """The next line it prints. Each is written whole and nothing is read ahead: the pipe says when there is one."""
    ready, _, _ = select.select([child.stdout], [], [], seconds)
    expect(ready, f"after {seconds} s the program has said nothing")
    return child.stdout.readline().decode(errors="replace").strip()
