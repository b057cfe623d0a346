# SPDX-License-Identifier: MIT
"""The real programs of the tests: how each is asked to reach a host, and how one sees that it did."""

from peers import DNS, ECHO, HTTP, IPPROTO_MPTCP, MPTCP, SSH

PYTHON = "/usr/bin/python3"

_TALK = """
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM, int(sys.argv[3]))
s.settimeout(4)
s.connect((sys.argv[1], int(sys.argv[2])))
s.sendall(b'hello\\n')
print(s.recv(100).decode())
"""


def bracket(host):
    return f"[{host}]" if ":" in host else host


class Program:
    """`argv(path, host, lab)` reaches out; `sign` in the output means that the peer answered."""

    def __init__(self, name, source, argv, sign, text=None, protocol="tcp", needs_sshd=False):
        self.name, self.source, self.argv, self.sign, self.text = name, source, argv, sign, text
        self.protocol, self.needs_sshd = protocol, needs_sshd

    def reach(self, lab, path, host, **options):
        """Run it. Returns (reached, Result)."""
        result = lab.run(self.argv(path, host, lab), seconds=6, until=self.sign if self.text else None, text=self.text, **options)
        return self.sign in result.output, result


def _ssh(path, host, lab):
    return [path, "-F", "none", "-i", f"{lab.dir}/ssh/user", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=4", "-p", str(SSH), f"root@{host}",
            "echo hello"]


PROGRAMS = {program.name: program for program in (
    Program("curl", "curl", lambda path, host, lab: [path, "-sS", "--noproxy", "*", "--max-time", "4",
                                                     f"http://{bracket(host)}:{HTTP}/hello"], "hello"),
    Program("wget", "wget", lambda path, host, lab: [path, "-q", "-O", "-", "--tries=1", "--timeout=4", "--no-proxy",
                                                     f"http://{bracket(host)}:{HTTP}/hello"], "hello"),
    Program("python3", PYTHON, lambda path, host, lab: [path, "-I", "-c", _TALK, host, str(ECHO), "0"], "hello"),
    Program("ssh", "ssh", _ssh, "hello", needs_sshd=True),
    Program("nc-tcp", "nc", lambda path, host, lab: [path, "-w", "4", host, str(ECHO)], "hello", text="hello\n"),
    Program("nc-udp", "nc", lambda path, host, lab: [path, "-u", "-w", "4", host, str(ECHO)], "hello", text="hello\n",
            protocol="udp"),
    Program("dig", "dig", lambda path, host, lab: [path, "+tries=1", "+time=4", "+short", f"@{host}", "-p", str(DNS),
                                                   "lab.test", "A"], "192.0.2.1", protocol="udp"),
    Program("ping", "ping", lambda path, host, lab: [path, "-n", "-c", "1", "-W", "4", host], "1 received", protocol="icmp"),
    Program("mptcp", PYTHON, lambda path, host, lab: [path, "-I", "-c", _TALK, host, str(MPTCP), str(IPPROTO_MPTCP)], "hello"),
)}
