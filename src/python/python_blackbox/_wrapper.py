# SPDX-License-Identifier: MIT
"""python3 -m python_blackbox [OPTION]... [--] PROGRAM [ARGUMENT]...: a Python program that is blocked from its first line.

The program runs in this interpreter, in the real __main__, as CPython's main runs it (Modules/main.c; program.c does what Python
code cannot). What is imported here, the program has in sys.modules: so no argparse, no json, and the records only when asked for.
"""

import os
import stat
import sys

USAGE = """\
Usage: python3 -m python_blackbox [OPTION]... [--] SCRIPT [ARGUMENT]...
       python3 -m python_blackbox [OPTION]... [--] -m MODULE [ARGUMENT]...
       python3 -m python_blackbox [OPTION]... [--] -c TEXT [ARGUMENT]...
       python3 -m python_blackbox [OPTION]... [--] - [ARGUMENT]...
Run a Python program whose use of the network is blocked from its first line.

  --profile PROFILE   offline (the default), or local: this machine and the local network
  --allow HOST        allow this as well: a name and all below it, an address, a prefix;
                      HOST:PORT, HOST/tcp. May be given several times
  --strict            lock the whole process in, for good: also what libraries in C do
  --subprocess HOW    processes that it starts: confine (the default), refuse, allow
  --log FILE          append what was tried to FILE, as JSON Lines; "-" is standard error
  --log-dir DIR       write DIR/net_restrict_TIME.json
  -h, --help          print this help

SCRIPT may be a folder or an archive with a __main__.py. The interpreter's own options
stand before -m: python3 -X dev -m python_blackbox ... See python_blackbox(1).
"""

WITH_VALUE = {"--profile": "a profile: offline or local", "--allow": "a host", "--subprocess": "confine, refuse or allow",
              "--log": "a file", "--log-dir": "a folder"}
CHOICES = {"--profile": ("offline", "local"), "--subprocess": ("confine", "refuse", "allow")}
EXIT_USAGE, EXIT_NOT_CONFINED = 2, 125


class Options:
    """What the command line says."""

    def __init__(self):
        self.values = {"--profile": "offline", "--subprocess": None, "--log": None, "--log-dir": None}
        self.allow = []
        self.strict = False
        self.program = []


def fail(text, status=EXIT_USAGE):
    """Says why the program is not started."""
    sys.stderr.write(f"python_blackbox: {text}\n")
    raise SystemExit(status)


def take_option(options, word, words):
    """One option; its value is taken out of `words`."""
    name, has_value, value = word.partition("=")
    if name == "--strict" and not has_value:
        options.strict = True
        return
    if name not in WITH_VALUE:
        fail(f"There is no option {name}. Options of Python stand before -m, those of the program after it; see --help.")
    if not has_value:
        if not words or words[0] == "--":
            fail(f"{name} needs {WITH_VALUE[name]}.")
        value = words.pop(0)
    if value not in CHOICES.get(name, (value,)):
        fail(f"{name} \"{value}\": write {' or '.join(CHOICES[name])}."
             + (" Without the wrapper nothing is blocked." if value == "online" else ""))
    if not value:
        fail(f"{name} needs {WITH_VALUE[name]}.")
    if name == "--allow":
        options.allow.append(value)
    else:
        options.values[name] = value


def parse(words):
    """Options end at "--", or at the first word that is none."""
    options = Options()
    words = list(words)
    while words and words[0].startswith("-") and words[0] != "-" and words[0][:2] not in ("-m", "-c"):
        word = words.pop(0)
        if word == "--":
            break
        if word in ("-h", "--help"):
            sys.stdout.write(USAGE)
            raise SystemExit(0)
        take_option(options, word, words)
    if not words:
        fail("There is no program: name a script, or -m MODULE. See --help.")
    options.program = words
    return options


# --- the program, as main of CPython has it ---

def program_of(words):
    """How to run it, what to run, its sys.argv."""
    first = words[0]
    if first == "-":
        return "stdin", None, words
    if first[:2] in ("-m", "-c"):
        words = [first[:2], *([first[2:]] if first[2:] else []), *words[1:]]
        if len(words) < 2:
            fail(f"{first} needs {'the name of a module' if first == '-m' else 'the text of a program'}.")
        return ("module" if words[0] == "-m" else "text"), words[1], [words[0], *words[2:]]
    if first.startswith("-"):
        fail(f"{first} is an option of Python: it stands before -m python_blackbox. A script of that name is ./{first}.")
    return "file", first, words


def process_argv():
    """The words this process was started with, Python's options among them (sys.orig_argv is there since 3.10)."""
    if hasattr(sys, "orig_argv"):
        return list(sys.orig_argv)
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return [sys.executable or "python3"]


def original_argv(own_words, program):
    """How the program would have been started without the wrapper, whose words are the last ones: in front of them stands
    -m python_blackbox in one of its spellings."""
    words = process_argv()
    if own_words and words[-len(own_words):] == own_words:
        del words[-len(own_words):]
    if words[-1] == __package__:
        words.pop()
        words[-1:] = [words[-1][:-1]] if words[-1] != "-m" else []
    elif words[-1].endswith("m" + __package__):
        words[-1:] = [words[-1][:-len(__package__) - 1]] if words[-1] != "-m" + __package__ else []
    return words + program


def has_path0():
    """Does main put the program's folder at the head of sys.path? (-P, -I)"""
    return not (sys.flags.safe_path if hasattr(sys.flags, "safe_path") else sys.flags.isolated)


def take_path0():
    """The folder that main put there for -m, until the program is run: what is imported meanwhile is not looked for in it."""
    try:
        return sys.path.pop(0) if has_path0() and os.getcwd() else None
    except OSError:  # the folder is gone, so main put nothing there
        return None


def put_path0(path0):
    """The program's, where main would put one."""
    if has_path0() and path0 is not None:
        sys.path.insert(0, path0)


def new_main():
    """__main__ as it is before anything ran in it."""
    import builtins  # pylint: disable=import-outside-toplevel
    namespace = sys.modules["__main__"].__dict__
    namespace.clear()
    namespace.update(__name__="__main__", __doc__=None, __package__=None, __loader__=builtins.__spec__.loader, __spec__=None)
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    return namespace


def source_loader(name):
    """The class that main names in __loader__."""
    return getattr(sys.modules["_frozen_importlib_external"], name)


def cannot_run(what, status):
    """In Python's own words."""
    sys.stderr.write(f"{process_argv()[0]}: {what}\n")
    return status


def run_script(core, path):
    """A file, a folder or an archive."""
    absolute = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # as main makes it, "./" and all
    if core._has_importer(absolute):
        sys.path.insert(0, absolute)
        return run_module(core, "__main__", 0)
    put_path0(os.path.dirname(os.path.realpath(path)))
    sys.audit("cpython.run_file", absolute)
    try:
        fd = os.open(absolute, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return cannot_run(f"can't open file {absolute!r}: [Errno {error.errno}] {os.strerror(error.errno)}", 2)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        return cannot_run(f"{absolute!r} is a directory, cannot continue", 1)
    is_compiled = os.path.splitext(absolute)[1] == ".pyc" or begins_compiled(fd)
    namespace = new_main()
    namespace.update(__file__=absolute, __cached__=None)
    namespace["__loader__"] = source_loader("SourcelessFileLoader" if is_compiled else "SourceFileLoader")("__main__", absolute)
    status = run_compiled(core, fd, namespace) if is_compiled else core._run_file(fd, os.fsencode(absolute), namespace)
    forget_file(namespace)
    return status


def pyc_magic():
    """What a compiled file of this interpreter begins with."""
    return sys.modules["_frozen_importlib_external"].MAGIC_NUMBER


def begins_compiled(fd):
    """Has the file a compiled one's first bytes? What cannot be read twice has not."""
    try:
        return os.pread(fd, 2, 0) == pyc_magic()[:2]
    except OSError:
        return False


def run_compiled(core, fd, namespace):
    """A .pyc file, whatever its name."""
    import marshal  # pylint: disable=import-outside-toplevel
    with open(fd, "rb") as file:
        data = file.read()
    if data[:4] != pyc_magic():
        sys.stderr.write("RuntimeError: Bad magic number in .pyc file\n")
        return 1
    return core._run_call(exec, (marshal.loads(data[16:]), namespace))


def forget_file(namespace):
    """Main takes these away when the script has come to its end, and leaves them at sys.exit()."""
    namespace.pop("__file__", None)
    namespace.pop("__cached__", None)


def run_typed(core):
    """Standard input is a terminal: as main, without PYTHONSTARTUP."""
    if not sys.flags.quiet:
        sys.stderr.write(f'Python {sys.version} on {sys.platform}\n'
                         'Type "help", "copyright", "credits" or "license" for more information.\n')
    hook = getattr(sys, "__interactivehook__", None)
    if hook and not sys.flags.isolated:
        hook()
    return core._run_file(-1, b"<stdin>", new_main())


def run_stdin(core):
    """The program is what is read from standard input."""
    put_path0("")
    sys.audit("cpython.run_stdin")
    if os.isatty(0):
        return run_typed(core)
    namespace = new_main()
    namespace.update(__file__="<stdin>", __cached__=None)
    status = core._run_file(-1, b"<stdin>", namespace)
    forget_file(namespace)
    return status


def run_text(core, text):
    """-c."""
    put_path0("")
    sys.audit("cpython.run_command", text)
    namespace = new_main()
    try:
        source = text.encode()
    except UnicodeEncodeError as error:
        sys.stderr.write(f"Unable to decode the command from the command line:\nUnicodeEncodeError: {error}\n")
        return 1
    if sys.version_info >= (3, 13):
        import linecache  # pylint: disable=import-outside-toplevel
        linecache.cache["<string>"] = (len(text), None, [line + "\n" for line in text.splitlines()], "<string>")
    return core._run_text(source, namespace)


def run_module(core, name, alter_argv=1):
    """-m: what main itself calls, through the same function of runpy."""
    import runpy  # pylint: disable=import-outside-toplevel
    sys.audit("cpython.run_module", name)
    new_main()
    return core._run_call(runpy._run_module_as_main, (name, alter_argv))


def run_program(kind, what, path0):
    """Its exit status, or its SystemExit."""
    from python_blackbox import _core as core  # pylint: disable=import-outside-toplevel
    if kind == "file":
        return run_script(core, what)
    if kind == "module":
        put_path0(path0)
        return run_module(core, what)
    return run_text(core, what) if kind == "text" else run_stdin(core)


# --- around it ---

def confine(options):
    """Blocks this process as the options say; the program is not started where that cannot be."""
    import python_blackbox  # pylint: disable=import-outside-toplevel,cyclic-import
    how = {} if options.values["--subprocess"] is None else {"subprocess": options.values["--subprocess"]}
    try:
        python_blackbox.block_network(**how)
        python_blackbox.profile(options.values["--profile"])
        for host in options.allow:
            try:
                python_blackbox.add_whitelist(host)
            except ValueError as error:
                fail(str(error).replace("whitelist entry", "--allow", 1))
        if options.strict:
            python_blackbox.block_network(strict=True, **how)
    except (OSError, RuntimeError) as error:
        fail(f"The program could not be confined, and was not started: {error}", EXIT_NOT_CONFINED)


def open_record(options, command):
    """The records that were asked for, or None."""
    if options.values["--log"] is None and options.values["--log-dir"] is None:
        return None
    import atexit  # pylint: disable=import-outside-toplevel
    from python_blackbox import _report  # pylint: disable=import-outside-toplevel
    try:
        record = _report.Record(command, options.values["--log"], options.values["--log-dir"])
    except OSError as error:
        fail(f"{error.option}: {error.strerror}. Name a place that you may write to.")
    atexit.register(record.end)  # before the program's own: it runs after them
    return record


def start_record(record, options):
    """From here on attempts are recorded."""
    import python_blackbox  # pylint: disable=import-outside-toplevel,cyclic-import
    record.start(options.values["--profile"], python_blackbox.whitelist(), "python, strict" if options.strict else "python",
                 "" if options.strict else "libraries in C are not held; --strict holds them")
    python_blackbox.on_attempt(record)

    def on_attempt(callback):
        """The program's own callback, called after the wrapper's."""
        if callback is not None and not callable(callback):
            raise TypeError(f"on_attempt() takes a function or None, not {type(callback).__name__}")
        record.callback = callback

    python_blackbox.on_attempt = on_attempt


def status_of(code):
    """Of sys.exit(code), as main has it."""
    if code is None:
        return 0
    return code & 0xff if isinstance(code, int) else 1


def main():
    """Ends by raising SystemExit, from which CPython's main goes on as it does for any program."""
    own_words = sys.argv[1:]
    path0 = take_path0()
    options = parse(own_words)
    kind, what, argv = program_of(options.program)
    command = original_argv(own_words, options.program)
    confine(options)
    record = open_record(options, command)
    if record:
        start_record(record, options)
    sys.argv[:] = argv
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = command
    try:
        status = run_program(kind, what, path0)
    except SystemExit as ended:
        if record:
            record.status = status_of(ended.code)
        raise
    if record:
        record.status = status
    if not sys.flags.inspect:
        raise SystemExit(status)
