# SPDX-License-Identifier: MIT
"""The records of one program: what it tried, for people and other programs.

Three forms, as `netguard run` writes them (src/run/record-json.c, record-log.c, record-zencube.c): a log of JSON Lines, the
folder of net_restrict_TIME.json files, and one document for report(). They are written by the process whose attempts they hold,
with nothing but what was imported before the program began: it may change sys.path, its folder, its user and its descriptors.

No lock is held while anything but this file runs, no thread is started, and nothing here raises into the program. What could not
be written is counted, and said at the end. A child of os.fork() goes on in its parent's log, its attempts carry its own pid; it
writes no start, no end, and nothing into its parent's net_restrict file.
"""

import _io
import _thread
import errno
import os
import stat
import sys
import time

from _json import encode_basestring_ascii as _quote

KINDS_MAX = 512  # kinds of attempts whose repeats are counted in the log; then they are told anew
PENDING_MAX = 256 * 1024  # bytes for a reader of the log who is slow
EVENTS_MAX = 512 * 1024  # bytes of events in a net_restrict file
COMMAND_MAX = 64 * 1024  # characters of the command in a record
SOON = 8  # times that a net_restrict file is written at once; then once a second
END_SECONDS = 2  # for the reader of a log, at the end


def encode(value):
    """JSON in ASCII. Text that is not UTF-8 (an undecodable file name) has U+FFFD instead."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            except UnicodeEncodeError:
                value = value.encode("utf-8", "replace").decode("utf-8")
        return _quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(str(name))}:{encode(one)}" for name, one in value.items()) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ",".join(encode(one) for one in value) + "]"
    return encode(str(value))


def time_text(when):
    """RFC 3339 in UTC, with microseconds."""
    seconds = int(when // 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int((when - seconds) * 1e6):06}Z"


def command_of(words):
    """The words that fit, and whether all did."""
    left, kept = COMMAND_MAX, []
    for word in words:
        left -= len(word)
        if left < 0:
            return kept, False
        kept.append(word)
    return kept, True


def this_command():
    """How this program was started."""
    return list(getattr(sys, "orig_argv", None) or [sys.executable or "python3", *getattr(sys, "argv", [])])


def flag_for(tip):
    """What the module says to write in a program, as an option of the wrapper."""
    for call, option in (('add_whitelist("', "--allow"), ('profile("', "--profile")):
        if tip and tip.startswith(call) and tip.endswith('")'):
            word = tip[len(call):-2]
            return f"{option} '{word}'" if set(word) & set("[]*") else f"{option} {word}"
    return tip or ""


def attempt_record(attempt, when, count):
    """An attempt of the module as a line of the log: the fields of `netguard run`, then api, args and stack."""
    allowed = attempt.get("verdict") in ("allow", "allowed")
    record = {"type": "attempt", "time": time_text(when), "source": "python", "count": count}
    for name, key in (("pid", "pid"), ("uid", "uid"), ("executable", "exe"), ("profile", "profile"), ("call", "call"),
                      ("family", "family"), ("protocol", "protocol"), ("address", "address"), ("port", "port"), ("path", "path"),
                      ("name", "name"), ("class", "class")):
        value = attempt.get(key)
        record[name] = "" if value is None else value
    record["verdict"] = "allowed" if allowed else "denied"
    record["reason"] = attempt.get("reason") or ""
    record["text"] = f"{record['verdict']}: {attempt.get('text') or record['reason']}"
    record["errno"] = attempt.get("errno") or ""
    record["tip"] = flag_for(attempt.get("tip"))
    for name in ("api", "args", "stack"):
        record[name] = attempt.get(name) or ("" if name == "api" else [])
    return record


class Log:
    """The log's descriptor. No call of the program waits for its reader: what is not taken is kept, up to a limit."""

    def __init__(self, path):
        """Opens it; OSError if it cannot be had."""
        self.path = None if path == "-" else os.path.abspath(path)
        self.rest = b""
        self.lost = 0
        self.error = None
        self._open()
        self.is_file = stat.S_ISREG(os.fstat(self.fd).st_mode)
        if not self.is_file:
            import select  # pylint: disable=import-outside-toplevel
            self.poll = select.poll

    def _open(self):
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        if self.path:
            fd = os.open(self.path, flags | os.O_CREAT, 0o600)
        else:
            fd = self._standard_error(flags)
        self.fd = self._out_of_the_way(fd)
        status = os.fstat(self.fd)
        self.same = (status.st_dev, status.st_ino)

    @staticmethod
    def _standard_error(flags):
        """Of a pipe or a terminal a description of our own: O_NONBLOCK on the shared one would be in force for the program, too.
        Of a file the shared one: it never blocks, and two would write over each other."""
        if not stat.S_ISREG(os.fstat(2).st_mode):
            try:
                return os.open("/proc/self/fd/2", flags)
            except OSError:
                pass
        return os.dup(2)

    @staticmethod
    def _out_of_the_way(fd):
        """At a high number: programs know which descriptors they will get."""
        import fcntl  # pylint: disable=import-outside-toplevel
        for least in (1000, 200):
            try:
                high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)
            except OSError:
                continue
            os.close(fd)
            return high
        return fd

    def _is_ours(self):
        """A program that closes all descriptors closes this one, and its number may mean something else by now."""
        try:
            status = os.fstat(self.fd)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.same

    def _drain(self):
        self.error = None
        while self.rest:
            try:
                taken = os.write(self.fd, self.rest)
            except InterruptedError:
                continue
            except OSError as error:
                self.error = error
                return
            self.rest = self.rest[taken:]

    def write(self, record):
        """One line; never raises."""
        try:
            line = (encode(record) + "\n").encode()
            if len(self.rest) + len(line) > PENDING_MAX:
                self.lost += 1
                return
            self.rest += line
            if not self._is_ours():
                if not self.path:
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                self._open()
            self._drain()
        except OSError as error:
            self.error = error
        except (MemoryError, RecursionError):
            self.lost += 1

    def end(self):
        """Gives a slow reader END_SECONDS; what is left then is lost."""
        deadline = time.monotonic() + END_SECONDS
        while self.rest and self._is_ours():
            self._drain()
            left = deadline - time.monotonic()
            if not self.rest or self.is_file or left <= 0 or not isinstance(self.error, BlockingIOError):
                break
            poll = self.poll()
            poll.register(self.fd, 4)  # POLLOUT
            poll.poll(left * 1000)
        self.lost += self.rest.count(b"\n")
        self.rest = b""


class Folder:
    """DIR/net_restrict_TIME.json: there from the start, written anew as a whole when there is something to add."""

    def __init__(self, folder, command):
        """Makes the file; OSError if that cannot be."""
        self.start = time.time()
        self.command = command_of(command)[0]
        self.events = []
        self.size = self.lost = 0
        self.error = None
        self.tokens, self.filled = SOON, time.monotonic()
        self.path = self._make(os.path.abspath(folder))

    def _make(self, folder):
        when = self.start
        for _ in range(1000):  # another program may have begun in the same microsecond
            path = os.path.join(folder, f"net_restrict_{time_text(when).replace('-', '').replace(':', '')}.json")
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                when += 1e-6
                continue
            try:
                os.write(fd, self._text(None))
            finally:
                os.close(fd)
            return path
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), folder)

    def add(self, attempt):
        """Keeps it, and writes what is known if that was not done much too often already."""
        verdict = "allowed" if attempt.get("verdict") in ("allow", "allowed") else "denied"
        event = encode({"api": attempt.get("api") or attempt.get("call"), "args": attempt.get("args") or [],
                        "stack": attempt.get("stack") or [], "pid": attempt.get("pid"), "verdict": verdict})
        if self.lost or self.size + len(event) > EVENTS_MAX:
            self.lost += 1
        else:
            self.events.append(event)
            self.size += len(event) + 6
        now = time.monotonic()
        if now - self.filled >= 1:
            self.tokens, self.filled = min(SOON, self.tokens + int(now - self.filled)), now
        if self.tokens:
            self.tokens -= 1
            self.write(None)

    def _text(self, status):
        events = ",\n    ".join(self.events)
        return (f'{{\n  "timestamp": "{time_text(self.start)}",\n  "command": {encode(self.command)},\n  "events": ['
                + (f"\n    {events}\n  " if events else "") + "],\n" + (f'  "events_lost": {self.lost},\n' if self.lost else "")
                + f'  "exit_code": {encode(status)}\n}}\n').encode()

    def write(self, status):
        """All or nothing; never raises."""
        try:
            write_whole(self.path, self._text(status))
            self.error = None
        except OSError as error:
            self.error = error


def _is_file_or_none(path):
    try:
        return os.stat(path).st_mode & 0o170000 == 0o100000
    except FileNotFoundError:
        return True


def write_whole(path, data, mode=0o644):
    """Beside it first, then in its place. OSError leaves nothing behind. What is no file (/dev/null, a pipe) is written to."""
    is_file = _is_file_or_none(path)
    beside = f"{path}.{os.getpid()}.new" if is_file else path
    fd = os.open(beside, os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW if is_file else 0), mode)
    try:
        try:
            while data:
                data = data[os.write(fd, data):]
        finally:
            os.close(fd)
        if is_file:
            os.rename(beside, path)
    except OSError:
        if is_file:
            os.unlink(beside)
        raise


class Record:
    """Who is told what, and when. One for a run of the wrapper."""

    def __init__(self, command, log_path=None, folder=None):
        """Opens what was asked for; OSError, with the option as its last argument, if one cannot be had."""
        self.pid = os.getpid()
        self.command = command
        self.status = None  # not known: the program was ended in a way that no one sees
        self.is_child = False
        self.lock = _thread.RLock()  # of its owner again: a signal handler may be refused something in the midst of this
        self.kinds = {}
        self.flushed = time.monotonic()
        self.allowed = self.denied = 0
        self.callback = None  # the program's own
        self.log = self.folder = None
        if log_path is not None:
            self.log = _with_option("--log", log_path, lambda: Log(log_path))
        if folder is not None:
            self.folder = _with_option("--log-dir", folder, lambda: Folder(folder, command))

    def start(self, profile, allow, rung, why):
        """The first record of the log."""
        if not self.log:
            return
        command, is_whole = command_of(self.command)
        record = {"type": "start", "time": time_text(time.time()), "source": "python", "pid": self.pid, "uid": os.getuid(),
                  "command": command}
        if not is_whole:
            record["command-cut"] = True
        record.update({"profile": profile, "allow": allow, "allow-unix": [], "publish": [], "dry-run": False, "sandbox": False,
                       "rung": rung, "why": why})
        self.log.write(record)

    def __call__(self, attempt):
        """An attempt, a repeat too: the module's callback."""
        try:
            self._take(attempt)
        except KeyboardInterrupt:
            _thread.interrupt_main()  # it came while this was running, and is the program's
        if self.callback is not None:
            self.callback(attempt)

    def _take(self, attempt):
        if os.getpid() != self.pid:
            self._go_on_as_child()
        with self.lock:
            if attempt.get("verdict") in ("allow", "allowed"):
                self.allowed += 1
            else:
                self.denied += 1
            if self.log:
                self._log(attempt)
            if self.folder:
                self.folder.add(attempt)

    def _go_on_as_child(self):
        """After os.fork(): what waits is the parent's, and so may the lock be."""
        self.pid = os.getpid()
        self.lock = _thread.RLock()
        self.kinds = {}
        self.folder = self.status = None
        self.is_child = True
        if self.log:
            self.log.rest = b""

    def _log(self, attempt):
        now = time.time()
        key = tuple(str(attempt.get(name)) for name in ("call", "api", "family", "protocol", "address", "port", "path", "name",
                                                        "verdict", "reason", "text", "profile"))
        kind = self.kinds.get(key)
        if kind:
            kind[1] += 1
            kind[2] = now
        else:
            if len(self.kinds) >= KINDS_MAX:
                self._flush()
                self.kinds = {}
            self.kinds[key] = [attempt, 0, now]
            self.log.write(attempt_record(attempt, now, 1))
        if time.monotonic() - self.flushed >= 1:
            self._flush()

    def _flush(self):
        for kind in self.kinds.values():
            if kind[1]:
                self.log.write(attempt_record(kind[0], kind[2], kind[1]))
                kind[1] = 0
        self.flushed = time.monotonic()

    def end(self):
        """The last of all the functions that run at the end: the program's are done."""
        if os.getpid() != self.pid:
            self._go_on_as_child()
        if self.status not in (None, 128 + 2) and not can_flush(sys.stdout):
            self.status = 120
        with self.lock:
            if self.log:
                self._end_log()
            if self.folder:
                self.folder.write(self.status)
        if self.log and self.log.lost:
            _say(f"{self.log.lost} record{'s' if self.log.lost > 1 else ''} could not be written to "
                 f"{self.log.path or 'standard error'}", self.log.error)
        if self.folder and self.folder.error:
            _say(f"the record could not be written to {self.folder.path}", self.folder.error)

    def _end_log(self):
        self._flush()
        if self.status is not None and not self.is_child:
            self.log.write({"type": "end", "time": time_text(time.time()), "source": "python", "exit-status": self.status,
                            "allowed": self.allowed, "denied": self.denied, "would-be-denied": 0,
                            "lost": self.log.lost})
        self.log.end()


def can_flush(file):
    """Python's own stream that cannot makes main exit with 120 a moment later. Other objects are left alone."""
    try:
        if type(file) is _io.TextIOWrapper and not file.closed:
            file.flush()
    except (OSError, ValueError):
        return False
    return True


def _with_option(option, value, make):
    try:
        return make()
    except OSError as error:
        error.option = f'{option} "{value}"'
        raise


def _say(what, error):
    why = f": {error.strerror}" if error and error.strerror else ""
    try:
        os.write(2, f"python_blackbox: {what}{why}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def report(path):
    """Write what was tried so far to `path`, anew: one JSON document with the rules it was judged by. OSError if that fails."""
    import python_blackbox  # pylint: disable=import-outside-toplevel,cyclic-import
    protection = python_blackbox.protection()
    document = {"time": time_text(time.time()), "command": command_of(this_command())[0], "profile": python_blackbox.profile(),
                "whitelist": python_blackbox.whitelist(), "protection": dict(protection), "protection-text": str(protection)}
    lines = [f"  {encode(name)}: {encode(value)}" for name, value in document.items()]
    attempts = []
    for attempt in python_blackbox.attempts():
        attempt = dict(attempt)
        attempt["time"] = time_text(attempt["time"])
        attempts.append("\n    " + encode(attempt))
    lines.append(f'  "attempts": [{",".join(attempts)}{chr(10) + "  " if attempts else ""}]')
    write_whole(os.path.abspath(os.fspath(path)), ("{\n" + ",\n".join(lines) + "\n}\n").encode())
