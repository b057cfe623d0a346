# SPDX-License-Identifier: MIT
"""What the points of rules_inside.py and rules_hostile.py share: a server of loopback, rules for a block, what is expected."""

import contextlib
import os
import socket
import threading

os.environ["PYTHON_BLACKBOX_NOAUTO"] = "1"
import python_blackbox as bb  # noqa: E402  pylint: disable=wrong-import-position

LOOPBACK = "127.0.0.1"


class Server:
    """Accepts on a port of loopback and closes; made before anything is blocked, and counts who came."""

    def __init__(self, family=socket.AF_INET, host=LOOPBACK):
        self.socket = socket.socket(family)
        self.socket.bind((host, 0))
        self.socket.listen(256)
        self.address = self.socket.getsockname()[:2]
        self.port = self.address[1]

    def drain(self):
        """How many have come since."""
        self.socket.setblocking(False)
        came = 0
        with contextlib.suppress(BlockingIOError), bb.allow_temporary():
            while True:
                self.socket.accept()[0].close()
                came += 1
        return came


SERVER = Server()


@contextlib.contextmanager
def accepting():
    """The server takes who comes, meanwhile."""
    stop = threading.Event()

    def accept():
        SERVER.socket.settimeout(0.1)
        while not stop.is_set():
            with contextlib.suppress(OSError), bb.allow_temporary():
                SERVER.socket.accept()[0].close()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield
    finally:
        stop.set()
        acceptor.join()


def reached(address=None, timeout=5):
    try:
        with socket.create_connection(address or SERVER.address, timeout=timeout):
            return True
    except bb.NetworkBlockedError:
        return False


def refused(function, *args, **options):
    try:
        result = function(*args, **options)
    except bb.NetworkBlockedError as error:
        return error
    raise AssertionError(f"{function} was let through: {result!r}")


def equal(found, wanted, what=""):
    assert found == wanted, f"{what}: expected {wanted!r}, found {found!r}"


def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        assert not isinstance(error, bb.NetworkBlockedError) or kind is bb.NetworkBlockedError, f"{error!r}"
        return error
    raise AssertionError(f"{function}{args} raised nothing")


@contextlib.contextmanager
def rules(*entries, profile="offline"):
    """Blocked with these entries; as it was before afterwards."""
    for entry in entries:
        bb.add_whitelist(entry)
    bb.profile(profile)
    try:
        yield
    finally:
        bb.profile("online")
        for entry in bb.whitelist():
            bb.remove_whitelist(entry)
        bb.clear_attempts()
