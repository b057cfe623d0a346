# SPDX-License-Identifier: MIT
"""OpenSnitch for comparison: its daemon, in a network namespace of its own, without a window, allowing everything. Its firewall
rules and its queue stay in that namespace; nothing outside is judged by it."""

import contextlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "netns"))

from lab import run_quiet, wait_for  # noqa: E402

NAMESPACE = "snitch"


def opensnitch_or_none(wanted):
    """The daemon that was named, or the installed one."""
    return shutil.which(wanted or "opensnitchd")


class Snitch:
    namespace = NAMESPACE

    def __init__(self, lab, program):
        self.lab = lab
        # A program that was unpacked instead of installed has its libraries beside it.
        libraries = os.path.join(os.path.dirname(program), "..", "lib", "x86_64-linux-gnu")
        self.environment = {"PATH": os.environ["PATH"], "HOME": lab.dir, "LD_LIBRARY_PATH": libraries}
        self.version = run_quiet([program, "-version"], env=self.environment).strip().split()[-1]
        lab.add_namespace(NAMESPACE)
        lab.sysctl(NAMESPACE, {"net.ipv4.tcp_max_tw_buckets": 0})
        rules = os.path.join(lab.dir, "snitch-rules")
        os.mkdir(rules)
        # Its default action with no window is to allow. The rule spares it the fallback, as a user's own decision would.
        with open(os.path.join(rules, "allow.json"), "w", encoding="ascii") as file:
            file.write('{"created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "name": "allow", "enabled": true, '
                       '"precedence": false, "action": "allow", "duration": "always", "operator": {"type": "simple", '
                       '"operand": "process.path", "sensitive": false, "data": "%s"}}\n' % os.path.join(lab.dir, "bin", "load"))
        self.log_path = os.path.join(lab.dir, "snitch.log")
        self.process = lab.spawn([program, "-rules-path", rules, "-process-monitor-method", "proc", "-ui-socket",
                                  f"unix://{lab.dir}/no-window.sock"], namespace=NAMESPACE, cgroup=None, env=self.environment,
                                 stdout=open(self.log_path, "wb"), stderr=subprocess.STDOUT)
        self.queues = wait_for(self.queueing, 20, "OpenSnitch puts its queue in the way")
        self.remark = "One rule allows the measured program; no window is connected."

    def queueing(self):
        """Its rule is in the firewall of the namespace. Without that the figures would be a bare machine's."""
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise SystemExit("OpenSnitch ended: " + log.read()[-2000:])
        for command in (["iptables-save"], ["nft", "list", "ruleset"]):
            with contextlib.suppress(RuntimeError, FileNotFoundError):
                if "queue" in run_quiet(["nsenter", f"--net=/run/netns/{NAMESPACE}", *command]).lower():
                    return True
        return False

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
