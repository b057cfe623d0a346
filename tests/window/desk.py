# SPDX-License-Identifier: MIT
"""A desk to put the window on: a display (Xvfb), a window manager, and a session bus with accessibility, all the test's own.

The screen has the size that is asked for and the window manager gives a program the whole of it, so a screen of 360x720 is a
narrow window. Everything runs in private folders, draws in software, keeps no settings, and knows no portal. Whatever was started
here, and whatever that started, carries the desk's mark in its environment; closing ends processes with that mark and no others.
A process that the test's sudden end leaves behind gets SIGKILL from the kernel (PR_SET_PDEATHSIG).
"""

import atexit
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

from tap import skip_all  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SESSION_SECONDS = 10
COMPLAINT = re.compile(r"-(WARNING|CRITICAL|ERROR) \*\*|^Gtk-Message|runtime error:|ERROR: \w+Sanitizer|^==\d+== ", re.IGNORECASE)

_SESSION_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

# No frames, dialogs in the middle, and a key with which a window gets the whole screen (a rule for it is not obeyed for GTK 4).
_OPENBOX = """<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <placement><policy>Smart</policy><center>yes</center></placement>
  <desktops><number>1</number></desktops>
  <keyboard><keybind key="W-m"><action name="Maximize"/></keybind></keyboard>
  <applications><application class="*" type="normal"><decor>no</decor></application></applications>
</openbox_config>
"""


def wait_for(condition, seconds, what):
    """The condition's first true value, or a failure that says `what`, a text or a function that makes one."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not so: {what() if callable(what) else what}")
        time.sleep(0.005)
    return value


def build_file(*parts):
    """A file of the build under test: $NETGUARD_BUILD, or build/ beside the sources."""
    root = os.environ.get("NETGUARD_BUILD", os.path.join(HERE, "..", "..", "build"))
    return os.path.join(os.path.abspath(root), *parts)


def require(window=True):
    """End the test with a reason where it cannot run."""
    missing = [name for name in ("Xvfb", "openbox", "xcompmgr", "xprop", "dbus-daemon", "xdotool", "setpriv") if not shutil.which(name)]
    if not os.access("/usr/libexec/at-spi-bus-launcher", os.X_OK):
        missing.append("at-spi2-core")
    try:
        import gi  # noqa: F401  pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        missing.append("python3-gi (for " + sys.executable + ")")
    if missing:
        skip_all("not installed: " + ", ".join(missing))
    if window and not os.access(build_file("src", "window", "netguard-window"), os.X_OK):
        skip_all("not built: " + build_file("src", "window", "netguard-window"))


def _on_signal(number, _frame):
    sys.exit(128 + number)


class Session:
    """Folders and buses. One for a test program; any number of screens beside each other."""

    def __init__(self):
        self.mark = "NETGUARD_DESK=" + secrets.token_hex(8)
        self.dir = tempfile.mkdtemp(prefix="ng-desk-")
        os.chmod(self.dir, 0o755)
        self.screens, self.children, self.main_pid = [], [], os.getpid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _on_signal)
        atexit.register(self.close)
        for name in ("home", "config", "data", "cache", "state", "run", "services", "data-home", "data/applications", "data/icons"):
            os.mkdir(os.path.join(self.dir, name), 0o700)
        os.mkdir(os.path.join(self.dir, "config", "gtk-4.0"))
        with open(os.path.join(self.dir, "config", "gtk-4.0", "settings.ini"), "w", encoding="ascii") as file:
            file.write("[Settings]\ngtk-enable-animations=false\ngtk-cursor-blink=false\ngtk-font-name=Cantarell 11\n")
        # Openbox cannot tell a shadow from a window, so GTK draws a thick border, also around what fills the screen. No desktop looks like that.
        with open(os.path.join(self.dir, "config", "gtk-4.0", "gtk.css"), "w", encoding="ascii") as file:
            file.write("window.solid-csd.maximized { margin: 0; padding: 0; border: none; box-shadow: none; }\n"
                       "window.solid-csd:not(.maximized) { margin: 0; padding: 1px; border: none; box-shadow: inset 0 0 0 1px #8888; }\n")
        self.env = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": os.environ.get("TZ", "UTC"), "HOME": self.path("home"),
            "XDG_CONFIG_HOME": self.path("config"), "XDG_DATA_HOME": self.path("data-home"), "XDG_CACHE_HOME": self.path("cache"),
            "XDG_STATE_HOME": self.path("state"), "XDG_RUNTIME_DIR": self.path("run"), "XDG_CONFIG_DIRS": self.path("config"),
            # The made-up programs are installed ones: a person's own entries do not name what is under /usr.
            "XDG_DATA_DIRS": ":".join((os.path.abspath(os.path.join(HERE, "..", "..", "data")), self.path("data"), "/usr/local/share", "/usr/share")),
            "XDG_CURRENT_DESKTOP": "GNOME",
            "GDK_BACKEND": "x11", "GSK_RENDERER": "cairo", "GSETTINGS_BACKEND": "memory", "GTK_USE_PORTAL": "0",
            "ADW_DISABLE_PORTAL": "1", "GTK_A11Y": "atspi", "GIO_USE_VFS": "local", "G_DEBUG": "fatal-criticals", "GVFS_DISABLE_FUSE": "1",
        }
        name, value = self.mark.split("=")
        self.env[name] = value
        self.bus_address = self._start_bus()
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.bus_address
        self.a11y_address = self.env["AT_SPI_BUS_ADDRESS"] = self._start_accessibility()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def spawn(self, argv, **options):
        """Start a program that ends with the test. Options are Popen's; `uid` runs it as that user."""
        uid = options.pop("uid", None)
        switch = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []
        options.setdefault("env", self.env)
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(["setpriv", *switch, "--pdeathsig=KILL", *argv], **options)
        self.children.append(child)
        return child

    def _start_bus(self):
        shutil.copy("/usr/share/dbus-1/services/org.a11y.Bus.service", self.path("services"))
        with open(self.path("bus.conf"), "w", encoding="ascii") as file:
            file.write(_SESSION_BUS.format(folder=self.path("run"), services=self.path("services")))
        reading, writing = os.pipe()
        with open(self.path("bus.log"), "wb") as log:
            self.spawn(["dbus-daemon", "--nofork", "--nopidfile", "--config-file=" + self.path("bus.conf"), f"--print-address={writing}"],
                       pass_fds=[writing], stdout=log, stderr=log)
        os.close(writing)
        with os.fdopen(reading) as file:
            address = file.readline().strip()
        if not address:
            raise AssertionError("dbus-daemon did not start: " + self.log("bus.log"))
        return address

    def log(self, name):
        with contextlib.suppress(FileNotFoundError), open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def _start_accessibility(self):
        """The accessibility bus, on no display: its registry would end with that. Returns its address."""
        from gi.repository import Gio, GLib  # pylint: disable=import-outside-toplevel
        with open(self.path("a11y.log"), "wb") as log:
            self.spawn(["/usr/libexec/at-spi-bus-launcher", "--launch-immediately"], stdout=log, stderr=log)
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        bus = Gio.DBusConnection.new_for_address_sync(self.bus_address, flags, None, None)

        def is_there():
            return bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", GLib.Variant("(s)", ("org.a11y.Bus",)),
                                 None, 0, 5000, None).unpack()[0]
        wait_for(is_there, SESSION_SECONDS, lambda: "org.a11y.Bus is on the session bus; " + self.log("a11y.log"))
        answer = bus.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None, 0, SESSION_SECONDS * 1000, None)
        bus.close_sync(None)
        return answer.unpack()[0]

    def close(self):
        """End what carries the mark, remove the folder."""
        if os.getpid() != self.main_pid or not os.path.isdir(self.dir):
            return
        for _round in range(20):
            pids = self._marked()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for child in self.children:
                child.poll()
            if not pids:
                break
            time.sleep(0.01)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _marked(self):
        """Pids of the processes with the mark, except those that are dead already."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if self.mark.encode() in file.read().split(b"\0"):
                        found.append(int(name))
        return found


class Screen:
    """A display of a size, with a window manager and what a person can do there with keys, and pictures of it."""

    def __init__(self, session, width, height):
        self.session, self.width, self.height = session, width, height
        self.windows = []
        reading, writing = os.pipe()
        with open(session.path("xvfb.log"), "ab") as log:
            self.server = session.spawn(["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
                                         "-noreset", "-ac", "-dpi", "96"], pass_fds=[writing], stdout=log, stderr=log)
        os.close(writing)
        with os.fdopen(reading) as file:
            number = file.readline().strip()
        if not number:
            raise AssertionError("Xvfb did not start: " + session.log("xvfb.log"))
        self.display = ":" + number
        self.env = {**session.env, "DISPLAY": self.display}
        session.screens.append(self)
        self._start_window_manager()

    def _start_window_manager(self):
        config = self.session.path(f"openbox-{self.display[1:]}.xml")
        with open(config, "w", encoding="ascii") as file:
            file.write(_OPENBOX)
        with open(self.session.path("openbox.log"), "ab") as log:
            self.manager = self.session.spawn(["openbox", "--sm-disable", "--config-file", config], env=self.env, stdout=log, stderr=log)
        wait_for(lambda: "window id" in self._x("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"), SESSION_SECONDS,
                 lambda: "openbox manages the screen; " + self.session.log("openbox.log"))
        # Without a compositor what is see-through, the surroundings of a menu, is black.
        with open(self.session.path("xcompmgr.log"), "ab") as log:
            self.compositor = self.session.spawn(["xcompmgr", "-n"], env=self.env, stdout=log, stderr=log)
        owner = "from ctypes import*;x=CDLL('libX11.so.6');x.XOpenDisplay.restype=c_void_p;d=x.XOpenDisplay(None);" \
                "print(x.XGetSelectionOwner(c_void_p(d),x.XInternAtom(c_void_p(d),b'_NET_WM_CM_S0',0)))"
        wait_for(lambda: self._x("/usr/bin/python3", "-c", owner).strip() not in ("", "0"), SESSION_SECONDS,
                 lambda: "xcompmgr composes the screen; " + self.session.log("xcompmgr.log"))
        self.point_at(self.width - 1, self.height - 1)  # out of the way: nothing is under the pointer

    def _x(self, *argv):
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=20, check=False).stdout

    def key(self, *names):
        """Press keys as xdotool names them: "Tab", "Return", "ctrl+f"."""
        self._x("xdotool", "key", "--clearmodifiers", *names)

    def maximize(self):
        """Give the window that has the keyboard the whole screen; the key is pressed until some window has heard it."""
        def is_done():
            if "MAXIMIZED_HORZ" in self._x("sh", "-c", "xprop -id $(xdotool getwindowfocus) _NET_WM_STATE"):
                return True
            self.key("super+m")
            return False
        wait_for(is_done, SESSION_SECONDS, "the window has the whole screen")

    def type(self, text):
        self._x("xdotool", "type", "--clearmodifiers", "--delay", "5", text)

    def point_at(self, x, y):
        self._x("xdotool", "mousemove", str(x), str(y))

    def click(self, x, y):
        self._x("xdotool", "mousemove", str(x), str(y), "click", "1")

    def origin(self):
        """Where the window that has the keyboard begins."""
        words = self._x("xdotool", "getwindowfocus", "getwindowgeometry", "--shell")
        values = dict(line.split("=") for line in words.split())
        return int(values.get("X", 0)), int(values.get("Y", 0))

    def picture(self, path):
        """The whole screen as a PNG."""
        subprocess.run(["import", "-silent", "-strip", "-window", "root", path], env=self.env, check=True, timeout=60, capture_output=True)

    def run(self, argv, **options):
        window = Program(self, argv, **options)
        self.windows.append(window)
        return window

    def close(self):
        for window in self.windows:
            window.end()
        for child in (self.compositor, self.manager, self.server):
            child.kill()
            child.wait()
        self.session.screens.remove(self)


class Program:
    """A graphical program on a screen. What it says on standard error is kept; complaints of the toolkit fail `end`."""

    _number = 0

    def __init__(self, screen, argv, dark=False, text_scale=1.0, scale=1, high_contrast=False, env=None, uid=None):
        Program._number += 1
        self.screen, self.argv = screen, argv
        self.log_path = screen.session.path(f"program-{Program._number}.log")
        look = {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark" if dark else "prefer-light", "GDK_SCALE": str(scale)}
        if text_scale != 1.0:
            look["GDK_DPI_SCALE"] = str(text_scale)
        if high_contrast:
            look["ADW_DEBUG_HIGH_CONTRAST"] = "1"
        self.log = open(self.log_path, "wb")
        self.process = screen.session.spawn(list(argv), env={**screen.env, **look, **(env or {})}, stdout=self.log, stderr=self.log, uid=uid)
        self.pid = self.process.pid  # setpriv becomes the program

    def said(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def complaints(self):
        return [line for line in self.said().splitlines() if COMPLAINT.search(line)]

    def is_running(self):
        return self.process.poll() is None

    def end(self, seconds=20):
        """Close it as a session manager does, with SIGTERM if it does not go by itself. Returns its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if not self.log.closed:
            self.log.close()
        return self.process.returncode
