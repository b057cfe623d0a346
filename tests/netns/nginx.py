# SPDX-License-Identifier: MIT
"""A real nginx in the client's namespace, and what a peer sees of it: being reached instead of reaching."""

import contextlib
import os
import socket
import subprocess

from lab import inside, wait_for

PORT = 8080


class Nginx:
    def __init__(self, lab, path):
        self.lab, self.path = lab, path
        self.dir = os.path.join(lab.dir, "nginx")
        if not os.path.isdir(self.dir):
            os.mkdir(self.dir, 0o755)
            with open(f"{self.dir}/nginx.conf", "w", encoding="ascii") as file:
                file.write(f"""daemon off; worker_processes 1; pid {self.dir}/pid; error_log stderr; user root;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {self.dir}; proxy_temp_path {self.dir}; fastcgi_temp_path {self.dir};
 uwsgi_temp_path {self.dir}; scgi_temp_path {self.dir};
 server {{ listen 0.0.0.0:{PORT}; listen [::]:{PORT}; location / {{ return 200 "hello from nginx\\n"; }} }} }}
""")
        self.child = None
        self.errors = os.path.join(self.dir, "errors")

    def start(self):
        """Start it. True when it listens, False when it ended because it may not."""
        self.child = self.lab.spawn([self.path, "-e", "stderr", "-p", self.dir, "-c", f"{self.dir}/nginx.conf"],
                                    stderr=open(self.errors, "wb"), stdout=subprocess.DEVNULL)
        return wait_for(lambda: self.listens() or self.child.poll() is not None, 10, "nginx listens or ends") \
            and self.child.poll() is None

    def listens(self):
        """Seen in the namespace's own table, without touching the socket."""
        with inside("client"):
            with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
                return any(line.split()[1].endswith(f":{PORT:04X}") and line.split()[3] == "0A" for line in table)

    def error_text(self):
        with contextlib.suppress(FileNotFoundError), open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(5)
            if self.child.poll() is None:
                self.child.kill()
                self.child.wait()


def fetch(namespace, host, port=PORT, seconds=0.4):
    """What a client in `namespace` sees: the page, or the name of what happened instead."""
    with inside(namespace):
        connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with connection:
        connection.settimeout(seconds)
        try:
            connection.connect((host, port))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while data := connection.recv(65536):
                answer += data
            return answer.decode(errors="replace")
        except OSError as error:
            return type(error).__name__
