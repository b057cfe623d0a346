#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The texts of the window and what is translated of them.

`po/strings.py update` writes POTFILES, merges new texts into the languages' files, and says what is left to translate.
tests/lint/check-translations asks whether that is needed.

The keywords are those of meson's preset "glib", which `ninja netguard-pot` uses.
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
KEYWORDS = ("_", "N_", "C_:1c,2", "NC_:1c,2", "g_dcgettext:2", "g_dngettext:2,3", "g_dpgettext2:2c,3")
# How a file says that it has texts: in C (ngettext() and the like with it), and in a template.
MARKED = {".c": re.compile(r"\b(?:N?_|N?C_|g_dn?gettext|g_dpgettext2|ngettext)\("), ".ui": re.compile(r"translatable=\"(?:yes|true|1)\"")}
# Beside the window itself: what desktops show of it.
DATA = ("data/org.networkguard.Window.desktop.in", "data/org.networkguard.Window.metainfo.xml.in", "data/org.networkguard.guard1.policy.in")


def potfiles_wanted():
    folder = os.path.join(ROOT, "src/window")
    found = []
    for name in sorted(os.listdir(folder)):
        marked = MARKED.get(os.path.splitext(name)[1])
        if marked and not name.startswith("test-"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                if marked.search(re.sub(r"^\s*#.*$", "", file.read(), flags=re.M)):
                    found.append("src/window/" + name)
    return [*DATA, *found]


def potfiles():
    with open(os.path.join(HERE, "POTFILES"), encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if line and not line.startswith("#")]


def languages():
    with open(os.path.join(HERE, "LINGUAS"), encoding="utf-8") as file:
        return file.read().split()


def run(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})


def template(path):
    """All texts of the tree, now."""
    done = run("xgettext", "--from-code=UTF-8", "--add-comments=Translators", "--package-name=netguard", f"--output={path}",
               *(f"--keyword={word}" for word in KEYWORDS), *potfiles_wanted())
    if done.returncode != 0:
        raise RuntimeError(done.stdout)


def merged(language, folder):
    """The language's file with the tree's texts: (path, what msgmerge said if it failed)."""
    pot, out = os.path.join(folder, "netguard.pot"), os.path.join(folder, language + ".po")
    template(pot)
    done = run("msgmerge", "--quiet", "--no-fuzzy-matching", "--add-location=file", f"--output={out}", f"po/{language}.po", pot)
    return out, done.stdout if done.returncode else ""


def faults_of_texts():
    """Texts that end in the middle of a format: xgettext does not know what G_GUINT64_FORMAT and its like stand for."""
    with tempfile.TemporaryDirectory() as folder:
        pot = os.path.join(folder, "netguard.pot")
        template(pot)
        said = run("msgcat", "--no-wrap", "--add-location=file", pot).stdout
    for places, text in re.findall(r'((?:^#.*\n)*)^msgid "(.*%[0-9.\'#+ -]*)"$', said, re.M):
        where = " ".join(re.findall(r"^#: (.*)$", places, re.M))
        yield f"{where}: \"{text}\" is cut off in a format: write %lu or %u and cast, G_GUINT64_FORMAT cannot be translated"


def faults_of(language):
    with tempfile.TemporaryDirectory() as folder:
        path, fault = merged(language, folder)
        if fault:
            return [fault]
        checked = run("msgfmt", "--check", "--output-file=/dev/null", path)
        missing = run("msgattrib", "--untranslated", "--no-obsolete", "--no-location", "--no-wrap", path).stdout
        fuzzy = run("msgattrib", "--only-fuzzy", "--no-obsolete", "--no-location", "--no-wrap", path).stdout
        texts = re.findall(r'^msgid (".+")$', missing, re.M) + [f"fuzzy: {text}" for text in re.findall(r'^msgid (".+")$', fuzzy, re.M)]
        said = checked.stdout.splitlines() if checked.returncode else []
        return said + [f"not translated to {language}: {text}" for text in texts]


def update():
    with open(os.path.join(HERE, "POTFILES"), "w", encoding="utf-8") as file:
        file.write("\n".join(potfiles_wanted()) + "\n")
    for language in languages():
        with tempfile.TemporaryDirectory() as folder:
            path, fault = merged(language, folder)
            if fault:
                sys.exit(fault)
            done = run("msgattrib", "--no-obsolete", f"--output-file=po/{language}.po", path)
            if done.returncode != 0:
                sys.exit(done.stdout)
        print("\n".join(faults_of(language)) or f"{language} is complete")


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update()
    else:
        sys.exit(__doc__)
