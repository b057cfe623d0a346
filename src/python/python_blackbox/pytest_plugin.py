# SPDX-License-Identifier: MIT
"""The rules of a test run under `pytest --netguard=...`: one profile for conftest, collection and every test, wider for a test that
is marked, restored after each test whatever it did.

pytest_netguard registers it. What stands above a test in the file system or in scope (conftest, collection, fixtures of the module
or the session) is not the test's own: conftest and collection go by the run's rules, a wider fixture by those of the test that
makes it first. Under xdist each worker has rules of its own; the process that hands out the tests only starts workers.
"""

import pytest

import python_blackbox
from python_blackbox import NetworkBlockedError, _core

MARK = "@pytest.mark.network(allow=[...])"


def wanted_by(item):
    """The entries of all its markers, of the module's first: a list. ValueError if one is none of that form."""
    entries = []
    for mark in reversed(list(item.iter_markers("network"))):
        allow = mark.kwargs.get("allow")
        if mark.args or set(mark.kwargs) != {"allow"} or not isinstance(allow, (list, tuple)):
            raise ValueError("it needs allow= with a list, and nothing else")
        entries += allow
    return entries


def chain_of(error):
    """The exceptions that led to this one, itself first."""
    seen = []
    waiting = [error]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseException) and not any(error is one for one in seen) and len(seen) < 100:
            seen.append(error)
            waiting += [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args,
                        *getattr(error, "exceptions", ())]
    return seen


def key_of(attempt):
    return tuple(str(attempt.get(name)) for name in ("time", "call", "api", "address", "port", "name", "path", "args"))


def peer_of(attempt):
    """Whom an attempt was for, as --allow takes it: the name where there is one."""
    host = attempt.get("name") or attempt.get("address")
    if not host:
        return attempt.get("path") if attempt.get("call") == "exec" else None
    port = None if attempt.get("call") in ("bind", "accept") else attempt.get("port")  # who listens is reached from any
    host = f"[{host}]" if ":" in host and port else host
    return f"{host}:{port}" if port else host


class Rules:
    """The plug-in object. One for the process: rules are the process's."""

    def __init__(self, profile, allow):
        self.before = (python_blackbox.profile(), python_blackbox.whitelist(), _core.children_mode())
        self.profile = profile
        self.allow = list(allow)
        self.children = "confine"
        self.counts = {}
        self.complaint = None
        try:
            self.restore()
        except BaseException:
            self.leave()
            raise

    # --- rules ---

    def restore(self, more=()):
        """The run's rules and nothing else, then what one test may besides."""
        python_blackbox.block_network(subprocess=self.children)
        python_blackbox.profile(self.profile)
        self.set_whitelist([*self.allow, *more])

    @staticmethod
    def set_whitelist(entries):
        """Only what is different, so that a process that a test made strict, and cannot be changed any more, is well with it."""
        there = python_blackbox.whitelist()
        for entry in there:
            if entry not in entries:
                python_blackbox.remove_whitelist(entry)
        for entry in entries:
            if not isinstance(entry, str):
                raise ValueError(f"{entry!r} is not text")
            if entry not in there:
                python_blackbox.add_whitelist(entry)

    def leave(self):
        """As it was before the run, for programs that call pytest.main()."""
        profile, entries, children = self.before
        _core.set_children(children)
        self.set_whitelist(entries)
        python_blackbox.profile(profile)

    # --- the run ---

    def pytest_report_header(self):
        allowed = f", allowed: {', '.join(self.allow)}" if self.allow else ""
        return f"netguard: {self.profile}{allowed}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        if getattr(session.config.option, "dist", "no") != "no" and not hasattr(session.config, "workerinput"):
            self.children = "allow"  # the workers, each of which blocks itself: confined, no marker could let them reach anything
            self.restore()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        self.leave()

    # --- a test ---

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.counts = {key_of(attempt): attempt.get("count", 1) for attempt in python_blackbox.attempts()}
        try:
            self.complaint = None
            self.restore(wanted_by(item))
        except (ValueError, RuntimeError) as error:
            self.complaint = f"{MARK} of {item.nodeid}: {error}"
            self.restore()
        try:
            yield
        finally:
            self.restore()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self):
        if self.complaint:
            pytest.fail(self.complaint, pytrace=False)

    # --- reports ---

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        self.explain(outcome.get_result(), call.excinfo)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):
        self.counts = {key_of(attempt): attempt.get("count", 1) for attempt in python_blackbox.attempts()}
        outcome = yield
        report = outcome.get_result()
        self.explain(report, getattr(getattr(report, "call", None), "excinfo", None))

    def explain(self, report, excinfo):
        if not report.failed:
            return
        lines = [line for attempt in self.refused() for line in self.words(report.nodeid, attempt)]
        if excinfo is not None and not lines:  # in another process, or not on record any more: the error itself knows
            lines = [f"{report.nodeid}: {error}" for error in chain_of(excinfo.value) if isinstance(error, NetworkBlockedError)]
        if lines:
            report.sections.append(("refused by netguard", "\n".join(lines)))

    def refused(self):
        """What was refused since the test began."""
        return [attempt for attempt in python_blackbox.attempts()
                if attempt.get("verdict") != "allow" and attempt.get("count", 1) > self.counts.get(key_of(attempt), 0)]

    def words(self, nodeid, attempt):
        peer = peer_of(attempt)
        times = attempt.get("count", 1) - self.counts.get(key_of(attempt), 0)
        yield (f"{nodeid}: {attempt.get('api') or attempt.get('call')}{f' to {peer}' if peer else ''} was refused"
               f"{f' {times} times' if times > 1 else ''}: {attempt.get('text') or attempt.get('reason')}")
        if peer and attempt.get("call") != "exec":
            yield f'  to let this test reach it: @pytest.mark.network(allow=["{peer}"])'
        elif attempt.get("tip"):
            yield f"  {attempt['tip']}"


# --- given as -p python_blackbox.pytest_plugin, which imports the package and so blocks ---

pytest_plugins = ["pytest_netguard"]


def pytest_configure(config):
    if not config.pluginmanager.has_plugin("netguard-rules"):
        python_blackbox.allow_network()
