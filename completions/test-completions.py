#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completions in the shells they are for: test-completions.py NETGUARD MOCK-GUARD XML BASH ZSH FISH.

Each shell runs with no configuration of the user's, an empty home and a PATH of our own, and is asked what it offers for a
line; bash by calling the completion as readline does, zsh in a terminal of its own (its completion exists nowhere else), fish
by `complete -C`. The applications come from a mock service. TAP; a shell that is not installed is skipped with that reason.
"""

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "src", "cli"))
sys.path.insert(0, HERE)
import generate  # noqa: E402  pylint: disable=wrong-import-position
from verbs_world import APPS, NETGUARD, World, Skip  # noqa: E402  pylint: disable=wrong-import-position

BASH, ZSH, FISH = (os.path.abspath(path) for path in sys.argv[4:7])
TIMEOUT_S = 30
OPTION = re.compile(r"--[a-z][a-z0-9-]*")

BASH_ASK = """
source "$1"
_line=$2
COMP_LINE=$_line COMP_POINT=${#_line}
# readline takes a line apart at spaces and, by COMP_WORDBREAKS, at "=".
_spaced=${_line//=/ = }
read -ra COMP_WORDS <<<"$_spaced"
[[ $_line != *[\\ =] ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_netguard 2>&1
printf '%s\\n' "${COMPREPLY[@]}"
"""

# compadd is what every completion of zsh ends in; with -O, -A or -D it only counts for others.
ZSH_ASK = """
PS1= PS2= RPS1=
unsetopt zle_bracketed_paste 2>/dev/null
fpath=($HOME/zsh $fpath)
autoload -Uz compinit && compinit -u -d $HOME/zcompdump
zstyle ':completion:*' list-prompt ''
LISTMAX=100000
compadd() {
	local -a hits
	if [[ " ${(j: :)@[1,(i)(-|--)]} " != *' '-[a-zA-Z]#[OAD]' '* ]]; then
		builtin compadd -A hits "$@"
		(( $#hits )) && print -rl -- $hits >>$HOME/hits
	fi
	builtin compadd "$@"
}
ask() { zle list-choices; print -r -- done >$HOME/fifo; zle kill-whole-line }
zle -N ask
bindkey '^T' ask
print -r -- ready >$HOME/fifo
"""


class Shells:
    """A home with the completions in it and a folder for PATH, for all three."""

    def __init__(self, world):
        self.world = world
        self.home = world.folder
        self.bin = os.path.join(world.folder, "bin")
        os.makedirs(os.path.join(self.home, "zsh"))
        os.mkdir(self.bin)
        shutil.copy(ZSH, os.path.join(self.home, "zsh/_netguard"))
        for name in ("timeout", "sed", "grep", "sort", "find", "ls"):
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        os.symlink(NETGUARD, os.path.join(self.bin, "netguard"))
        with open(os.path.join(self.bin, "zz-made-up"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n")
        os.chmod(os.path.join(self.bin, "zz-made-up"), 0o755)
        open(os.path.join(self.home, "some-file.json"), "w", encoding="utf-8").close()
        self.environment = {"HOME": self.home, "PATH": self.bin, "LC_ALL": "C.UTF-8", "TERM": "dumb",
                            "ZDOTDIR": self.home, "XDG_CONFIG_HOME": self.home, "XDG_DATA_HOME": self.home}

    def run(self, *command):
        return subprocess.run(command, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=True).stdout

    def bash(self, line):
        return self.run(need("bash"), "--norc", "-c", BASH_ASK, "ask", BASH, line).split()

    def fish(self, line):
        out = self.run(need("fish"), "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", FISH, line)
        return [found.partition("\t")[0] for found in out.splitlines()]

    def zsh(self, line):
        with Zsh(self) as zsh:
            return zsh.ask(line)


class Zsh:
    """An interactive zsh in a terminal of its own. What it says goes nowhere; hits come in a file, the end by a FIFO."""

    def __init__(self, shells):
        need("zsh")
        self.home = shells.home
        self.fifo = os.path.join(self.home, "fifo")
        if not os.path.exists(self.fifo):
            os.mkfifo(self.fifo)
        with open(os.path.join(self.home, ".zshrc"), "w", encoding="utf-8") as file:
            file.write(ZSH_ASK)
        zsh = shutil.which("zsh")
        self.reader = os.open(self.fifo, os.O_RDWR)  # both ends: a writer that closes is no end
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self.home)
            os.execve(zsh, [zsh, "-d", "-i"], shells.environment)
        self.wait("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.reader)
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def wait(self, word):
        """Until the FIFO says `word`; the terminal is read meanwhile, for zsh not to stall on it."""
        deadline = time.monotonic() + TIMEOUT_S
        said, shown = b"", b""
        while word.encode() not in said:
            ready, _, _ = select.select([self.reader, self.terminal], [], [], max(0, deadline - time.monotonic()))
            if self.terminal in ready:
                shown += os.read(self.terminal, 65536)
            if self.reader in ready:
                said += os.read(self.reader, 4096)
            if not ready:
                raise AssertionError(f"zsh did not say {word!r}; on its terminal: {shown!r}")

    def ask(self, line):
        hits = os.path.join(self.home, "hits")
        open(hits, "w", encoding="utf-8").close()
        os.write(self.terminal, line.encode() + b"\x14")
        self.wait("done")
        with open(hits, encoding="utf-8") as file:
            return file.read().splitlines()


def need(shell):
    path = shutil.which(shell)
    if not path:
        raise Skip(f"{shell} is not installed")
    return path


SHELLS = {"bash": Shells.bash, "zsh": Shells.zsh, "fish": Shells.fish}
tests = []


def in_each_shell(function):
    for name, ask in SHELLS.items():
        tests.append((f"{name} {function.__name__.replace('_', ' ')}", function, ask))
    return function


def expect(offered, line, has=(), lacks=()):
    missing, extra = set(has) - set(offered), set(lacks) & set(offered)
    if missing or extra:
        raise AssertionError(f"{line!r} offered {sorted(offered)}; missing {sorted(missing)}, too much {sorted(extra)}")


def options_offered(shells, ask, start):
    """bash and fish offer all that start with "--"; so does zsh, but for those it joins with their short form."""
    return {found.rstrip("=") for found in ask(shells, start + "--")} | {found.rstrip("=") for found in ask(shells, start + "-")}


@in_each_shell
def offers_every_verb_that_the_program_has(shells, ask):
    _, verbs, _ = generate.table_of(NETGUARD)
    expect(ask(shells, "netguard "), "netguard ", [verb.name for verb in verbs])
    expect(ask(shells, "netguard for"), "netguard for", ["forget"], ["set"])


@in_each_shell
def offers_every_option_of_every_verb(shells, ask):
    common, verbs, _ = generate.table_of(NETGUARD)
    shared = {f"--{option.long}" for option in common}
    expect(options_offered(shells, ask, "netguard "), "netguard -", shared)
    for verb in verbs:
        start = f"netguard {verb.name} "
        own = {f"--{option.long}" for option in verb.options}
        offered = {found for found in options_offered(shells, ask, start) if OPTION.fullmatch(found)}
        has = own if verb.is_apart else own | shared
        if offered != has:
            raise AssertionError(f"{start!r} offered {sorted(offered)}, and it has {sorted(has)}")


@in_each_shell
def offers_the_applications_of_the_guard_the_line_names(shells, ask):
    start = f"netguard --runtime={shells.world.folder} "
    for verb in ("get ", "set ", "forget ", "explain ", "log --app "):
        expect(ask(shells, start + verb), verb, ["curl", "firefox"])
    start = f"netguard --runtime {shells.world.folder} "
    expect(ask(shells, start + "get f"), "get f", ["firefox"], ["curl"])


@in_each_shell
def offers_programs_in_PATH_to_set_and_explain_but_not_to_get(shells, ask):
    start = f"netguard --runtime={shells.world.folder} "
    expect(ask(shells, start + "set zz"), "set zz", ["zz-made-up"])
    expect(ask(shells, start + "explain zz-m"), "explain zz-m", ["zz-made-up"])
    expect(ask(shells, start + "get zz"), "get zz", [], ["zz-made-up"])


@in_each_shell
def offers_the_profiles_where_a_profile_stands(shells, ask):
    profiles = ["offline", "local", "online"]
    expect(ask(shells, "netguard set curl "), "set curl", profiles, ["default"])
    expect(ask(shells, "netguard set --for 1h curl "), "set --for 1h curl", profiles)
    expect(ask(shells, "netguard set curl o"), "set curl o", ["offline", "online"])
    expect(ask(shells, "netguard list --profile "), "list --profile", profiles)


@in_each_shell
def offers_the_values_an_option_takes(shells, ask):
    expect(ask(shells, "netguard set curl offline --then "), "--then", ["default", "local"])
    expect(ask(shells, "netguard set curl offline --children "), "--children", ["own", "inherit"])
    expect(ask(shells, "netguard set curl local --allow "), "--allow", ["loopback", "cloud-metadata"])
    expect(ask(shells, "netguard set curl local -f "), "-f", ["1h"])
    expect(ask(shells, "netguard pause "), "pause", ["15m"])


@in_each_shell
def offers_files_to_import(shells, ask):
    expect(ask(shells, "netguard import some"), "import some", ["some-file.json"])


@in_each_shell
def offers_a_command_to_run_and_then_leaves_the_line_to_it(shells, ask):
    for start in ("run --offline ", "run --log x --local -- "):
        expect(ask(shells, f"netguard {start}zz"), start, ["zz-made-up"])
    expect(ask(shells, "netguard run --require "), "--require", ["A", "B", "C"])
    expect(ask(shells, "netguard run --offline --allow "), "--allow", ["loopback"])
    start = "run --offline zz-made-up -x --log "
    expect(ask(shells, f"netguard {start}some"), start, ["some-file.json"])
    expect(ask(shells, f"netguard {start}--"), start, [], ["--offline", "--allow"])


@in_each_shell
def says_nothing_where_no_guard_runs(shells, ask):
    found = ask(shells, f"netguard --runtime={shells.world.folder}/nowhere get ")
    if found:
        raise AssertionError(f"without a guard it offered {found}")


@in_each_shell
def gives_up_on_a_guard_that_does_not_answer(shells, ask):
    folder = os.path.join(shells.world.folder, "stuck")
    os.mkdir(folder)
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(os.path.join(folder, "guard.sock"))
        stuck.listen(8)
        begin = time.monotonic()
        found = ask(shells, f"netguard --runtime={folder} get ")
        took = time.monotonic() - begin
    if found or took > 15:
        raise AssertionError(f"it offered {found} after {took:.1f} s")


def test_every_value_that_help_shows_is_known():
    unknown = generate.table_of(NETGUARD)[2]
    if unknown:
        raise AssertionError(f"completions/generate.py does not say what to offer for {sorted(unknown)}: add them to KINDS")


def run_one(number, sentence, function, *rest):
    world = World()
    world.mock.reply("ListApps", APPS)
    try:
        function(*([Shells(world), *rest] if rest else []))
    except Skip as reason:
        print(f"ok {number} - {sentence} # SKIP {reason}", flush=True)
    except (AssertionError, subprocess.SubprocessError) as error:
        print(f"not ok {number} - {sentence}")
        print("\n".join("# " + line for line in f"{error} {getattr(error, 'output', '') or ''}".splitlines()), flush=True)
        return False
    else:
        print(f"ok {number} - {sentence}", flush=True)
    finally:
        world.close()
    return True


def main():
    tests.append(("every value that help shows is known to the completions", test_every_value_that_help_shows_is_known))
    print(f"1..{len(tests)}")
    results = [run_one(number, *one) for number, one in enumerate(tests, 1)]
    sys.exit(0 if all(results) else 1)


main()
