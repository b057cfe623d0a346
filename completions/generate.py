#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shell completions from the program's own help: generate.py NETGUARD TEMPLATE.

Prints the template with @TABLE@ replaced by what `netguard --help` and `netguard VERB --help` say, in the words of the
template's shell. So a verb or an option that is added is completed without anyone thinking of it. Runs at build time.

What may follow an option or a verb is a *kind*: the templates know how to complete each.
"""

import collections
import os
import re
import subprocess
import sys

# The word that --help shows for a value -> kind. "none" is known, and nothing can be offered.
KINDS = {"APP": "app", "PROFILE": "profile", "DURATION": "duration", "WHEN": "ago", "DIR": "folder", "PATH": "file", "FILE": "file",
         "TIME": "none", "TEXT": "none", "NAME": "none", "N": "none", "DESTINATION": "none", "COMMAND": "command",
         "ARGUMENT": "file", "CMD": "command", "WHAT": "none", "KEY=VALUE": "none"}
# Where the word alone does not tell.
OPTION_KINDS = {"then": "then", "allow": "allow", "allow-unix": "file", "publish": "none", "keep-fd": "none",
                "require": "one:A B C"}
# Verbs whose APP may be a program that no one decided on yet.
VERBS_OF_PROGRAMS = {"set", "explain"}

Option = collections.namedtuple("Option", "short long kind text")
# `is_apart`: it has none of the options that the others share, and after its first argument nothing is netguard's.
Verb = collections.namedtuple("Verb", "name text options arguments is_apart")


def help_of(program, *verb):
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run([program, *verb, "--help"], stdout=subprocess.PIPE, text=True, check=True, timeout=20,
                          env=environment).stdout


def kind_of(word, unknown):
    """The kind for a word such as APP, [FILE], own|inherit, COMMAND...; what is not known is noted in `unknown`."""
    word = word.strip("[]").removesuffix("...").strip("[]")
    if re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", word):
        return "one:" + word.replace("|", " ")
    if word not in KINDS:
        unknown.add(word)
    return KINDS.get(word, "none")


def options_of(text, unknown):
    for short, long, value, words in re.findall(r"^  (?:-(\w), )?--([a-z][a-z0-9-]*)(?:=(\S+))? {2,}(\S.*)$", text, re.M):
        kind = OPTION_KINDS.get(long) or kind_of(value, unknown) if value else ""
        yield Option(short, long, kind, words)


def arguments_of(text, name, unknown):
    usage = re.search(rf"^  netguard (?:\[OPTION…\] {name}|{name} \[OPTION…\])(.*)$", text, re.M)
    for word in usage[1].split() if usage else []:
        if word == "--":
            continue
        kind = kind_of(word, unknown)
        yield "program" if kind == "app" and name in VERBS_OF_PROGRAMS else kind


def table_of(program):
    """(options that stand anywhere, verbs, value words that have no kind)."""
    unknown = set()
    text = help_of(program)
    common = list(options_of(text, unknown))
    verbs = []
    for name, words in re.findall(r"^  ([a-z][a-z-]*)  +(\S.*)$", text.split("Verbs")[1].split("Profiles:")[0], re.M):
        own = help_of(program, name)
        is_apart = f"  netguard {name} [OPTION…]" in own
        options = [option for option in options_of(own, unknown) if is_apart or option not in common]
        verbs.append(Verb(name, words, options, list(arguments_of(own, name, unknown)), is_apart))
    return common, verbs, unknown


def quoted(text):
    return "'" + text.replace("'", r"'\''") + "'"


# --- bash: three tables ---

def bash_words(options):
    return " ".join(word for option in options for word in ([f"-{option.short}"] if option.short else []) + [f"--{option.long}"])


def bash_kinds(verb, options):
    for option in options:
        for word in ([f"-{option.short}"] if option.short else []) + [f"--{option.long}"]:
            if option.kind:
                yield f"\t[{quoted(verb + ' ' + word)}]={quoted(option.kind)}"


def bash(common, verbs):
    yield f"_netguard_verbs={quoted(' '.join(verb.name for verb in verbs))}"
    yield f"_netguard_apart={quoted(' '.join(verb.name for verb in verbs if verb.is_apart))}"
    yield "declare -gA _netguard_options=("
    yield f"\t[common]={quoted(bash_words(common))}"
    yield from (f"\t[{verb.name}]={quoted(bash_words(verb.options))}" for verb in verbs if verb.options)
    yield ")\ndeclare -gA _netguard_arguments=("
    yield from (f"\t[{quoted(f'{verb.name} {number}')}]={quoted(kind)}" for verb in verbs
                for number, kind in enumerate(verb.arguments, 1))
    yield ")\ndeclare -gA _netguard_kinds=("
    yield from bash_kinds("common", common)
    for verb in verbs:
        yield from bash_kinds(verb.name, verb.options)
    yield ")"


# --- zsh: the words of _arguments ---

def zsh_value(kind):
    if kind.startswith("one:"):
        return f":value:({kind[4:]})"
    return f":{kind}:_netguard_{kind}"


def zsh_option(option):
    text = re.sub(r"([\[\]:\\])", r"\\\1", option.text)
    value = zsh_value(option.kind) if option.kind else ""
    equals = "=" if value else ""
    # --allow may be given again.
    several = "*" if "repeatable" in option.text else ""
    if option.short:
        excludes = "" if several else f"(-{option.short} --{option.long})"
        brace = "{" + f"-{option.short}{'+' if value else ''},--{option.long}{equals}" + "}"
        return f"{quoted(several + excludes)}{brace}{quoted(f'[{text}]{value}')}"
    return quoted(f"{several}--{option.long}{equals}[{text}]{value}")


def zsh_arguments(verb):
    if verb.is_apart:  # what follows the first is completed as the command's own
        return ["(-)1" + zsh_value(verb.arguments[0]), "*:: :_normal"]
    return [zsh_value(kind) for kind in verb.arguments]


def zsh(common, verbs):
    yield f"_netguard_apart=({' '.join(verb.name for verb in verbs if verb.is_apart)})"
    yield "_netguard_verbs=("
    yield from (f"\t{quoted(verb.name + ':' + verb.text.replace(':', chr(92) + ':'))}" for verb in verbs)
    yield ")\n_netguard_common=("
    yield from ("\t" + zsh_option(option) for option in common)
    yield ")\n_netguard_of_verb() {\n\tcase $1 in"
    for verb in verbs:
        yield f"\t({verb.name})\n\t\t_netguard_words=("
        yield from ("\t\t\t" + zsh_option(option) for option in verb.options)
        yield from ("\t\t\t" + quoted(word) for word in zsh_arguments(verb))
        yield "\t\t)\n\t\t;;"
    yield "\tesac\n}"


# --- fish: one command a word ---

def fish_quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_value(kind):
    if kind.startswith("one:"):
        return f"-a {fish_quoted(kind[4:])}"
    return f"-a '(__netguard_{kind})'"


def fish_option(option, condition):
    words = f"complete -c netguard -n {fish_quoted(condition)} -l {option.long}"
    words += f" -s {option.short}" if option.short else ""
    words += f" -x {fish_value(option.kind)}" if option.kind else ""
    return f"{words} -d {fish_quoted(option.text)}"


def fish(common, verbs):
    takers = [word for options in [common] + [verb.options for verb in verbs] for option in options if option.kind
              for word in ([f"-{option.short}"] if option.short else []) + [f"--{option.long}"]]
    yield f"set -g __netguard_takers {' '.join(sorted(set(takers)))}"
    yield f"set -g __netguard_apart {' '.join(verb.name for verb in verbs if verb.is_apart)}"
    for verb in verbs:
        yield f"complete -c netguard -n '__netguard_at 0' -a {verb.name} -d {fish_quoted(verb.text)}"
    yield from (fish_option(option, "not __netguard_is_apart") for option in common)
    for verb in verbs:
        condition = f"__netguard_at 1 {verb.name}" if verb.is_apart else f"__netguard_verb {verb.name}"
        yield from (fish_option(option, condition) for option in verb.options)
        for number, kind in enumerate(verb.arguments, 1):
            if kind != "none":
                at = "__netguard_past" if verb.is_apart and number == len(verb.arguments) else "__netguard_at"
                yield f"complete -c netguard -n '{at} {number} {verb.name}' {fish_value(kind)}"


SHELLS = {".bash": bash, ".zsh": zsh, ".fish": fish}


def main(program, template):
    shell = SHELLS[os.path.splitext(template.removesuffix(".in"))[1]]
    common, verbs, _ = table_of(program)
    with open(template, encoding="utf-8") as file:
        print(file.read().replace("@TABLE@", "\n".join(shell(common, verbs))), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
