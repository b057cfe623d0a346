#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`netguard run` as the pages of the window need it: writes the records and the output of a command that never runs. What it plays is told
by the command: "npm install" goes on until it is ended, everything else ends at once; SCENES says with what."""

import json
import os
import signal
import sys

TIME = "2026-11-23T02:04:05.000001Z"


def attempt(executable, call, verdict, reason, tip="", count=1, **more):
    fields = {"executable": executable, "profile": "offline", "call": call, "family": "ipv4", "protocol": "tcp", "address": "", "port": 0, "path": "",
              "name": "", "class": "", "verdict": verdict, "reason": reason, "text": f"{verdict}: {reason}", "errno": "ENETUNREACH", "tip": tip}
    return {"type": "attempt", "time": TIME, "source": "run", "count": count, "pid": 4711, "uid": 1000, **fields, **more}


NPM = [
    attempt("/usr/bin/node", "resolve", "denied", "offline", "--allow registry.npmjs.test", 4, family="unspec", protocol="", name="registry.npmjs.test"),
    attempt("/usr/bin/node", "connect", "denied", "offline", "--allow 203.0.113.10:443/tcp", 12, address="203.0.113.10", port=443),
    attempt("/usr/bin/git", "connect", "denied", "offline", "--allow-unix '/run/user/1000/keyring/ssh agent'", family="unix", protocol="",
            path="/run/user/1000/keyring/ssh agent"),
    attempt("/usr/bin/node", "bind", "denied", "offline", "--publish 127.0.0.1:8080", protocol="tcp", address="127.0.0.1", port=8080),
    attempt("/usr/bin/avahi-browse", "sendto", "denied", "offline", "--local", 3, protocol="udp", address="224.0.0.251", port=5353),
    attempt("/usr/bin/node", "connect", "allowed", "allowance", "", 2, family="ipv6", address="2001:db8::17", port=443, name="cdn.example.org"),
]

# The first word: (rung, why, records, output, exit status); no rung: no start record.
SCENES = {
    "npm": ("A", "", NPM, "\x1b[1mnpm\x1b[0m notice fetching 214 packages\nnpm ERR! code ENETUNREACH\nnpm ERR! connect 203.0.113.10:443\n", None),
    "make": ("B", "this machine gives no user namespaces (kernel.unprivileged_userns_clone is 0)", NPM[:2], "cc -o probe probe.c\nmake: *** [test] Error 2\n", 2),
    "true": ("A", "", [], "", 0),
    "strange": ("C", "a filter with a listener is there already", [], "nothing to see\n", 0),
    "unconfined": (None, "", [], "netguard run: This machine gives no rung that holds Offline: the filter could not be installed. See: netguard check\n", 125),
    "flood": ("A", "", [attempt("/usr/bin/node", "connect", "denied", "offline", f"--allow 203.0.113.{i}:{port}/tcp", address=f"203.0.113.{i}", port=port)
                        for port in (80, 443) for i in range(1, 200)], "", 0),
}


def main():
    arguments = sys.argv[1:]
    log = arguments[arguments.index("--log") + 1]
    command = arguments[arguments.index("--") + 1:]
    rung, why, records, output, status = SCENES.get(command[0], SCENES["true"])
    with open(log, "a", encoding="utf-8") as file:
        def write(record):
            file.write(json.dumps(record) + "\n")
            file.flush()
        if rung:
            write({"type": "start", "time": TIME, "source": "run", "command": command, "profile": arguments[1][2:], "rung": rung, "why": why})
        for record in records:
            write(record)
        os.write(1, output.encode())
        if status is None:
            signal.sigwait([signal.SIGTERM])
            status = 143
        if rung:
            write({"type": "end", "time": TIME, "source": "run", "exit-status": status, "allowed": 0, "denied": 0, "would-be-denied": 0, "lost": 0})
    return status


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
sys.exit(main())
