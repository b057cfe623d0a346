# SPDX-License-Identifier: MIT
"""The guard under test: its own folders, its own cgroup, started and ended by the test; and its command."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import time

from lab import build_file, run_quiet, wait_for
from tap import expect

PIN_ROOT = "/sys/fs/bpf/netguard"


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def service_user():
    """The engine's user: netguard, or nobody where the package's user does not exist."""
    for name in ("netguard", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("neither a user netguard nor a user nobody")


def children_of(pid):
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    return found


def comm(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()
    return ""


class Guard:
    def __init__(self, lab, name="guard", namespace="client", cgroup=None, options=()):
        self.lab, self.namespace, self.options = lab, namespace, list(options)
        self.cgroup = cgroup or lab.cgroup
        self.dir = os.path.join(lab.dir, name)
        self.process = None
        self.log = None
        os.mkdir(self.dir, 0o755)
        user = service_user()
        for folder in ("config", "vendor"):
            os.makedirs(self.path(folder, "apps.d"), 0o755)
        self.user = user  # the service makes its state and runtime folders itself
        self.pins = os.path.join(PIN_ROOT, f"{fnv1a64(os.path.realpath(self.path('runtime')).encode()):016x}")
        lab.on_close(self.remove)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self, seconds=20, program=None):
        """Start, and return when it says that the policy is in force. Returns the seconds it took."""
        started = time.monotonic()
        self.log = open(self.path("log"), "ab")
        self.process = self.lab.spawn(
            [program or build_file("src", "guardd", "netguardd"), "--config", self.path("config"), "--state", self.path("state"),
             "--runtime", self.path("runtime"), "--vendor", self.path("vendor", "apps.d"), "--cgroup", self.cgroup,
             "--user", self.user.pw_name, *self.options],
            namespace=self.namespace, cgroup=None, stdout=subprocess.PIPE, stderr=self.log)
        os.set_blocking(self.process.stdout.fileno(), False)
        said = b""

        def is_ready():
            nonlocal said
            said += self.process.stdout.read() or b""
            if b"netguardd: ready" in said:
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"netguardd ended with {self.process.returncode}: {said!r} {self.log_text()[-2000:]}")
            return False
        wait_for(is_ready, seconds, f"netguardd is ready; it said {self.log_text()[-1000:]!r}")
        return time.monotonic() - started

    def log_text(self):
        with contextlib.suppress(FileNotFoundError), open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    @property
    def engine_pid(self):
        return self.process.pid

    @property
    def enforcer_pid(self):
        for pid in children_of(self.process.pid):
            if comm(pid).startswith("netguard-enforc"):
                return pid
        raise AssertionError("netguardd has no netguard-enforcer among its children")

    def stop(self, seconds=10):
        """As a service manager does: SIGTERM, and it goes by itself. What it pinned stays in force."""
        if self.process and self.process.poll() is None:
            enforcer = [pid for pid in children_of(self.process.pid)]
            self.process.terminate()
            self.process.wait(seconds)
            for pid in enforcer:
                wait_for(lambda pid=pid: not comm(pid).startswith("netguard-enforc"), 5, "the enforcer ends with the engine")

    def kill(self, *pids):
        """SIGKILL, and return when they are gone."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            if self.process and pid == self.process.pid:
                self.process.wait(10)
            else:
                wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}") or state_of(pid) == "Z", 10, f"{pid} is gone")

    def end(self):
        """End both processes however they are; what is pinned stays."""
        if not self.process:
            return
        pids = [pid for pid in children_of(self.process.pid)]
        for pid in [*pids, self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.kill(*pids, self.process.pid)
        if self.process.stdout:
            self.process.stdout.close()

    def remove(self):
        """As if it had never been: processes ended, programs detached, folders gone."""
        self.end()
        if os.path.isdir(self.pins):
            with contextlib.suppress(RuntimeError):
                run_quiet([build_file("src", "guardd", "netguard-enforcer"), "--remove", "--pins", self.pins])
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- command -------------------------------------------------------------------------------------------------------

    def command(self, *arguments, uid=None, seconds=20):
        """Run `netguard` beside the guard (not guarded by it). Returns (exit code, stdout, stderr)."""
        argv = [build_file("src", "cli", "netguard"), "--runtime", self.path("runtime"), *map(str, arguments)]
        if uid is not None:
            argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
        child = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False,
                               env={"PATH": os.environ["PATH"], "LANG": "C", "HOME": self.lab.dir})
        if child.returncode == 6 and self.process and self.process.poll() is not None:
            child.stderr += f" (it ended with {self.process.returncode}; it said: {self.log_text()[-600:]!r})"
        return child.returncode, child.stdout, child.stderr

    def json(self, *arguments, **options):
        code, output, error = self.command(*arguments, "--json", **options)
        expect(code == 0, f"netguard {' '.join(map(str, arguments))}: exit {code}: {output.strip()} {error.strip()}")
        return json.loads(output)

    def set(self, app, profile, *options):
        """Decide, and fail unless it is in force. Returns what the command says."""
        result = self.json("set", app, profile, *options)
        expect(result.get("enforced") is True, f"set {app} {profile}: not enforced: {result}")
        return result

    def status(self):
        return self.json("status")

    def write_app(self, app_id, text, layer="config"):
        """An administrator's (or vendor's) application file, as configuration management would write it."""
        target = self.path(layer, "apps.d", app_id + ".app")
        with open(target + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(target + ".new", target)
        return target


def state_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]
    return ""


def app_text(executable, profile, extra=""):
    return f"[Application]\nExecutable={executable}\n[Network]\nProfile={profile}\n{extra}"


class NoGuard(Guard):
    """Nothing guards: what the lab does with $NETGUARD_BARE=1, to see that a test fails where nothing is blocked."""

    def start(self, seconds=20, program=None):
        return 0.0

    engine_pid = enforcer_pid = 0

    def stop(self, seconds=10):
        pass

    end = remove = stop

    def kill(self, *pids):
        pass

    def command(self, *arguments, uid=None, seconds=20):
        return 0, '{"enforced": true, "closed": 0}', ""


def make_guard(lab, **options):
    return (NoGuard if os.environ.get("NETGUARD_BARE") else Guard)(lab, **options)


def is_bare():
    return bool(os.environ.get("NETGUARD_BARE"))
