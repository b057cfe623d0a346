# SPDX-License-Identifier: MIT
"""What libraries besides the standard one need to meet a refusal well. Called by the extension; nothing is imported here that the
program has not imported, and nothing that is wrapped changes while nothing is refused or temporarily allowed.

refused()   before a refusal is raised. urllib3, and with it requests, tries three times again whatever went wrong: a refusal is
            handed on at once instead.
carry()     when allow_temporary() is entered inside a running event loop. The loop runs blocking functions, name lookups among
            them, in threads that know nothing of the task: they run in a copy of its context then, as asyncio.to_thread() does it.
"""

import sys

RETRY_MODULES = ("urllib3.util.retry", "pip._vendor.urllib3.util.retry")


def refused():
    """Cheap, and never raises."""
    for name in RETRY_MODULES:
        module = sys.modules.get(name)
        if module is not None:
            retry = getattr(module, "Retry", None)
            plain = getattr(retry, "increment", None)
            if plain is not None and not hasattr(plain, "netguard"):
                try:
                    retry.increment = not_again(plain)
                except Exception:  # noqa: BLE001  pylint: disable=broad-except
                    pass  # then it tries again; it is refused again


def refusal_in(error):
    """The NetworkBlockedError that led to an exception, or None."""
    from . import NetworkBlockedError  # pylint: disable=import-outside-toplevel
    seen = []
    waiting = [error]
    while waiting and len(seen) < 100:
        error = waiting.pop()
        if isinstance(error, NetworkBlockedError):
            return error
        if isinstance(error, BaseException) and not any(error is one for one in seen):
            seen.append(error)
            waiting += [getattr(error, "reason", None), *error.args, error.__context__, error.__cause__]
    return None


def not_again(plain):
    """Retry.increment, but a refusal is raised."""
    import functools  # pylint: disable=import-outside-toplevel

    @functools.wraps(plain)
    def increment(self, method=None, url=None, response=None, error=None, *args, **kwargs):
        refusal = refusal_in(error) if error is not None else None
        if refusal is not None:
            raise refusal
        return plain(self, method, url, response, error, *args, **kwargs)

    increment.netguard = True
    return increment


def carry():
    """Once, for all loops that are made of asyncio's."""
    events = sys.modules.get("asyncio.base_events")
    if events is None or hasattr(events.BaseEventLoop.run_in_executor, "netguard"):
        return
    import functools  # pylint: disable=import-outside-toplevel
    from concurrent.futures import ThreadPoolExecutor  # pylint: disable=import-outside-toplevel
    from contextvars import copy_context  # pylint: disable=import-outside-toplevel

    from ._core import is_temporarily_allowed  # pylint: disable=import-outside-toplevel
    plain = events.BaseEventLoop.run_in_executor

    @functools.wraps(plain)
    def run_in_executor(self, executor, func, *args):
        # Another process has a context of its own, and no use for a function that cannot be sent there.
        if is_temporarily_allowed() and (executor is None or isinstance(executor, ThreadPoolExecutor)):
            return plain(self, executor, functools.partial(copy_context().run, func, *args))
        return plain(self, executor, func, *args)

    run_in_executor.netguard = True
    events.BaseEventLoop.run_in_executor = run_in_executor
