# SPDX-License-Identifier: MIT
"""Test Anything Protocol: each point is a sentence; a point fails by raising, and the rest still run.

With $NETGUARD_BARE=1 nothing guards, and the run asks whether the tests can fail at all: a point that says that something is
blocked (`blocks`) is then ok only if it failed. The other points may do as they like: they are skipped where they fail.
"""

import contextlib
import os
import sys
import time
import traceback


class Skip(Exception):
    """Raised inside a point that cannot run here; the reason is printed and counted by the harness."""


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0
        self.notes = []
        self.bare = bool(os.environ.get("NETGUARD_BARE"))

    def note(self, text):
        """A measured figure or a circumstance, printed with the point it belongs to."""
        self.notes.append(text)

    def _print(self, ok, name, suffix=""):
        self.number += 1
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name.replace('#', 'number ')}{suffix}")
        for note in self.notes:
            for line in str(note).splitlines():
                print(f"# {line}")
        self.notes = []
        sys.stdout.flush()

    @contextlib.contextmanager
    def point(self, name, blocks=False):
        """One result. `blocks`: it claims that the guard keeps something from happening."""
        started = time.monotonic()
        failed = skipped = None
        try:
            yield
        except Skip as skip:
            skipped = str(skip)
        except Exception as error:  # noqa: BLE001 - any failure of a point is that point's result
            failed = error
        if failed is not None:
            where = [frame for frame in traceback.extract_tb(failed.__traceback__) if frame.filename != __file__][-1]
            self.note(f"{type(failed).__name__}: {failed}")
            self.note(f"at {os.path.basename(where.filename)}:{where.lineno}, after {time.monotonic() - started:.2f} s")
            if not isinstance(failed, AssertionError):
                self.note("".join(traceback.format_exception(failed)))
        self._judge(name, blocks, failed, skipped)

    def _judge(self, name, blocks, failed, skipped):
        passed = failed is None
        if self.bare and not skipped:
            if blocks:
                name, passed = f"bare: fails as it must: {name}", isinstance(failed, AssertionError)
            elif not passed:
                skipped, passed = "says nothing without the guard", True
        if not passed and not skipped:
            self.failed += 1
        self._print(passed or bool(skipped), name, f" # SKIP {skipped}" if skipped else "")

    def finish(self):
        print(f"1..{self.number}")
        sys.stdout.flush()
        return 1 if self.failed or not self.number else 0


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_equal(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {found!r}")
