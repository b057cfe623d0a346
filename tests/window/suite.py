# SPDX-License-Identifier: MIT
"""What the tests of the window share: a window against a mock guard for a group of points, and the end that all of them have."""

import contextlib
import os
import sys

import desk
import ui
from tap import Tap, expect, expect_equal


class Suite(Tap):
    """A TAP printer with a session. A failed point also says what was on the screen."""

    def __init__(self):
        super().__init__()
        ui.need_window()
        self.session = desk.Session()
        self.window = None

    def note(self, text):
        lines = str(text).splitlines()
        super().note("\n".join(lines[:70] + ["..."] * (len(lines) > 70)))

    @contextlib.contextmanager
    def point(self, name, blocks=False):
        with super().point(name, blocks):
            try:
                yield
            except AssertionError:
                self._keep_picture()
                raise

    def _keep_picture(self):
        folder = os.environ.get("NETGUARD_WINDOW_PICTURES")
        if folder and self.window:
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, f"failed-{os.path.basename(sys.argv[0])}-{self.number + 1}.png")
            self.window.screen.picture(path)
            self.note(f"picture: {path}")

    @contextlib.contextmanager
    def against(self, scene, size="wide", count=None, **options):
        """A window against a mock guard. When it ends: no complaint of the toolkit, and the program went when it was told to."""
        mock = ui.Mock(self.session, scene, count, name=f"guard-{self.number}")
        try:
            self.window = ui.Window(self.session, mock.dir, size, **options)
        except (AssertionError, OSError) as error:
            with self.point(f"the window starts ({scene}, {size})"):
                raise error
            mock.close()
            return
        window = self.window
        try:
            yield window, mock
        finally:
            self.window = None
            status = window.close()
            mock.close()
            with self.point(f"GTK complained of nothing and the window went when told to ({scene}, {size})"):
                expect_equal(window.program.complaints(), [], "complaints")
                expect(status in (0, -15), f"it ended with {status}: {window.program.said()[-2000:]}")

    def finish(self):
        self.session.close()
        return super().finish()
