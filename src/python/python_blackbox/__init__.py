# SPDX-License-Identifier: MIT
"""Block this interpreter's own network use, from C.

Importing the package blocks at once, with profile "offline", unless the environment has PYTHON_BLACKBOX_NOAUTO=1. From then on
whatever in this process would use the network raises NetworkBlockedError, in every thread, task and interpreter, also through
functions and sockets that were taken before. AF_UNIX, socketpair() and pipes go on working; so does what is in the whitelist:

    import python_blackbox
    python_blackbox.add_whitelist("api.example.org:443/tcp")

What the hook cannot see (libraries in C that make their own system calls) is closed by block_network(strict=True); protection()
tells what is covered in this process and what is not. The manual page python_blackbox(7) has all of it.
"""

import os as _os

# _libraries now and not at the first refusal: a child that is forked while a thread imports it would wait for that thread.
from . import _core, _libraries  # noqa: F401
from ._core import (NetworkBlockedError, add_whitelist, allow_network, allow_temporary, attempts, clear_attempts, is_blocked,
                    on_attempt, profile, remove_whitelist, whitelist)

__all__ = ["NetworkBlockedError", "add_whitelist", "allow_network", "allow_temporary", "attempts", "block_network",
           "clear_attempts", "is_blocked", "on_attempt", "profile", "protection", "remove_whitelist", "report", "whitelist"]


def block_network(*, strict=False, subprocess=None, existing="keep"):
    """Block again: the profile that was in force before, or "offline".

    subprocess: what becomes of programs that are started while blocked. "confine" (they run with the same rules), "refuse" or
    "allow" (it is recorded); None leaves it as it is.
    existing="shutdown" ends the sockets that are open and connected to somebody the rules do not permit.
    strict=True also installs a filter in the kernel, for all threads and for good: no internet socket can be made any more, by
    whatever code, those there are are ended, and nothing can be allowed afterwards. Where something is permitted (a whitelist,
    "local"), the launcher supervises the process instead. RuntimeError where neither can be had.
    """
    if existing not in ("keep", "shutdown"):
        raise ValueError(f'existing must be "keep" or "shutdown", not {existing!r}')
    if subprocess is not None:
        _core.set_children(subprocess)
    _core.block_network()
    if strict:
        _core.strict()
    elif existing == "shutdown":
        _core.end_sockets()


def protection():
    """What is covered in this process now, and what is not: a dict whose str() says it in words."""
    from ._protection import protection as tell  # pylint: disable=import-outside-toplevel
    return tell()


def report(path):
    """Write what was tried so far to a file as JSON: time, command, profile, whitelist, protection, attempts."""
    from ._report import report as write  # pylint: disable=import-outside-toplevel
    return write(path)


if _os.environ.get("PYTHON_BLACKBOX_NOAUTO") != "1":
    block_network()
