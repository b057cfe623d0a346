# SPDX-License-Identifier: MIT
"""Runs one of CPython's test modules and writes down what becomes of each test: cpython_inside.py MODULE FILE PATTERNS [TEST]

One JSON line for each outcome, at once, so that what was found is there even if a test ends or stops the process. CPython's own
`python3 -m test` does not do: its report is written at the end, and is lost when a test leaves sys.stderr replaced.
PATTERNS: names not to run, separated by commas.
"""

import fnmatch
import json
import os
import sys
import time
import unittest


class Result(unittest.TestResult):
    """`bad` keeps the worst of a test that has several outcomes (subtests, tearDown)."""

    def __init__(self, file):
        super().__init__()
        self.file, self.started, self.bad = file, 0.0, {}

    def write(self, test, outcome, text=""):
        name = test.id()
        if self.bad.get(name):
            return
        if outcome in ("fail", "error"):
            self.bad[name] = outcome
        line = {"test": name, "outcome": outcome, "seconds": round(time.monotonic() - self.started, 3), "text": text[-1500:]}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.file.write(json.dumps({"begun": test.id()}) + "\n")
        self.file.flush()

    def addSuccess(self, test):
        self.write(test, "ok")

    def addSkip(self, test, reason):
        self.write(test, "skip", reason)

    def addExpectedFailure(self, test, err):
        self.write(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        self.write(test, "unexpected success")

    def addFailure(self, test, err):
        self.write(test, "fail", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        self.write(test, "error", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.write(test, "fail" if issubclass(err[0], test.failureException) else "error", self._exc_info_to_string(err, test))


def tests_in(suite, left_out, only):
    """A suite without what is left out, in the same order."""
    kept = type(suite)()
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            kept.addTest(tests_in(one, left_out, only))
        elif only in ("", one.id()) and not any(fnmatch.fnmatchcase(one.id(), pattern) for pattern in left_out):
            kept.addTest(one)
    return kept


def main():
    module, path, left_out, only = (*sys.argv[1:], "")[:4]
    sys.argv[1:] = []
    sys.path[0] = os.getcwd()  # not this folder: its names are not CPython's
    from test import support  # pylint: disable=import-outside-toplevel,no-name-in-module
    support.use_resources = []  # as CPython's own runner: no network, nothing that takes long
    with open(path, "w", encoding="utf-8") as file:
        suite = tests_in(unittest.defaultTestLoader.loadTestsFromName(f"test.{module}"), left_out.split(","), only)
        suite.run(Result(file))
        file.write(json.dumps({"end": True}) + "\n")
        file.flush()
        os._exit(0)  # threads that a test left do not keep it


if __name__ == "__main__":
    main()
