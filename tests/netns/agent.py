# SPDX-License-Identifier: MIT
"""A program under test that does what it is told, call by call: a Python interpreter of its own (a copy of the binary, so an
application of its own) that reads code from its standard input and answers with the value or the errno."""

import base64
import json
import subprocess

from programs import PYTHON
from tap import expect

# What runs inside. Code is evaluated as an expression if it is one; names survive from call to call.
_LOOP = r"""
import base64, ctypes, errno, json, os, socket, struct, sys, time
names = {k: v for k, v in globals().items()}
libc = ctypes.CDLL(None, use_errno=True)
names['libc'] = libc
def fam(host): return socket.AF_INET6 if ':' in host else socket.AF_INET
def tcp(host, port, timeout=3, proto=0, family=None):
    s = socket.socket(family or fam(host), socket.SOCK_STREAM, proto); s.settimeout(timeout); s.connect((host, port)); return s
def udp(host, port, data=b'hello', timeout=3):
    s = socket.socket(fam(host), socket.SOCK_DGRAM); s.settimeout(timeout); s.sendto(data, (host, port)); return s
def talk(s, data=b'hello'):
    s.sendall(data); return s.recv(65536).decode(errors='replace')
names.update(fam=fam, tcp=tcp, udp=udp, talk=talk)
print('ready', flush=True)
for line in sys.stdin:
    code = base64.b64decode(line).decode()
    try:
        try:
            compiled = compile(code, 'agent', 'eval')
        except SyntaxError:
            exec(compile(code, 'agent', 'exec'), names); value = names.pop('result', None)
        else:
            value = eval(compiled, names)
        if not isinstance(value, (int, float, str, list, tuple, dict, bool, type(None))): value = repr(value)
        answer = {'value': value}
    except TimeoutError as e: answer = {'error': 'ETIMEDOUT', 'text': repr(e)}
    except OSError as e: answer = {'error': errno.errorcode.get(e.errno, str(e.errno)), 'text': repr(e)}
    except Exception as e: answer = {'error': 'EXCEPTION', 'text': repr(e)}
    print(json.dumps(answer, default=repr), flush=True)
"""


class Refused(Exception):
    """The program's call failed with this errno name."""

    def __init__(self, error, text):
        super().__init__(f"{error} ({text})")
        self.error = error


class Agent:
    def __init__(self, lab, name, argv=(), path=None, **options):
        """Start under the application `name`; `argv` goes before the interpreter (a launcher), `path` replaces it."""
        self.path = path or lab.app(name, PYTHON)
        self.lab = lab
        self.child = lab.spawn([*argv, self.path, "-I", "-c", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               **options)
        expect(self.child.stdout.readline() == b"ready\n", f"the agent {name} starts")

    @property
    def pid(self):
        return self.child.pid

    def ask(self, code):
        """Give it code without waiting for the answer."""
        self.child.stdin.write(base64.b64encode(code.encode()) + b"\n")
        self.child.stdin.flush()

    def answer(self):
        line = self.child.stdout.readline()
        expect(line, "the agent still lives")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"], answer["text"])
        return answer["value"]

    def call(self, code):
        """The value, or Refused."""
        self.ask(code)
        return self.answer()

    def errno(self, code):
        """The name of the errno, or "" where the call succeeded."""
        try:
            self.call(code)
        except Refused as refused:
            return refused.error
        return ""

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
