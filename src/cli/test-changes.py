#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verbs that change something, and the errors of the service. TAP; see verbs_world.py."""

import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
from verbs_world import APPS, contains, equal, is_call, run_all, test  # noqa: E402


def set_result(**keys):
    values = {"id": "<'curl'>", "created": "<false>", "profile": "<'offline'>", "closed": "<uint32 2>",
              "not-closed": "<uint32 0>", "enforced": "<true>", "enforced-ns": "<uint64 1000>", "before": "<''>",
              "warning": "<''>"}
    values.update({key.replace("_", "-"): value for key, value in keys.items()})
    return "({" + ", ".join(f"'{key}': {value}" for key, value in values.items()) + "},)"


@test
def set_says_the_effect_and_how_many_connections_it_closed(w):
    w.mock.reply("SetProfile", set_result(), "curl")
    r = w.run("set", "curl", "Offline", "--reason", "tests")
    equal((r.code, r.out, r.err), (0, "curl is now Offline: it cannot use the network. 2 open connections closed.\n", ""), r)
    is_call(w.calls()[0], "SetProfile ('curl', 'offline'", "'origin': <'command'>", "'reason': <'tests'>")
    w.mock.reply("SetProfile", set_result(profile="<'local'>", closed="<uint32 0>", not_closed="<uint32 1>"), "curl")
    equal(w.run("set", "curl", "local").out, "curl is now Local: it can reach this machine and devices on your own network, "
          "not the Internet. 1 open connection could not be closed, their next packet is stopped.\n")
    equal(w.run("set", "curl", "local", "--json").json()["not-closed"], 1)


@test
def set_does_not_hide_what_an_application_may_do_all_the_same(w):
    w.mock.reply("SetProfile", set_result(allow="<['0.0.0.0/1', '128.0.0.0/1']>", children="<'inherit'>"), "curl")
    equal(w.run("set", "curl", "offline").out, "curl is now Offline: it cannot use the network, except what its 2 allowances "
          "name. 2 open connections closed.\n")
    w.mock.reply("SetProfile", set_result(allow="<['loopback']>", children="<'own'>"), "curl")
    equal(w.run("set", "curl", "offline").out, "curl is now Offline: it cannot use the network, except what its 1 allowance "
          "names; programs it starts answer for their own. 2 open connections closed.\n")
    w.mock.reply("SetProfile", set_result(profile="<'online'>", allow="<['loopback']>"), "curl")
    equal(w.run("set", "curl", "online").out, "curl is now Online: it can reach the Internet. 2 open connections closed.\n")


@test
def set_sends_each_option(w):
    w.mock.reply("SetProfile", set_result(), "curl")
    before = int(time.time())
    r = w.run("set", "curl", "offline", "--for", "1h30m", "--then", "default", "--allow", "192.0.2.1:443/tcp", "--allow",
              "loopback", "--children", "own", "--name", "Transfer tool")
    equal(r.code, 0, r)
    contains(r.out, "curl is now Offline until ", ", then Default: it cannot use the network; also allowed: "
             "192.0.2.1:443/tcp, loopback. 2 open")
    call = w.calls()[0]
    until = int(re.search(r"'until': <int64 (\d+)>", call).group(1))
    if not before + 5400 <= until <= before + 5460:
        raise AssertionError(call)
    contains(call, "'then': <''>", "'allow': <['192.0.2.1:443/tcp', 'loopback']>", "'children': <'own'>",
             "'name': <'Transfer tool'>")
    w.run("set", "curl", "offline", "--until", "2100-01-01T00:00:00+01:00", "--then", "Online", "--no-allow")
    contains(w.calls()[0], "'until': <int64 4102441200>", "'then': <'online'>", "'allow': <@as []>")


@test
def set_that_is_not_in_force_says_so_and_exits_4(w):
    w.mock.reply("SetProfile", set_result(enforced="<false>", warning="<'simulation: nothing is being blocked'>"), "curl")
    r = w.run("set", "curl", "offline")
    equal((r.code, r.out, r.err), (4, "curl is set to Offline.\n", "netguard: not in force. "
                                   "simulation: nothing is being blocked\n"), r)
    r = w.run("set", "curl", "offline", "--json")
    equal((r.code, r.json()["enforced"]), (4, False))
    w.mock.reply("SetProfile", set_result(enforced="<false>"), "curl")
    w.mock.reply("GetStatus", "({'state': <'simulation'>, 'summary': <'x'>},)")
    contains(w.run("set", "curl", "offline").err, "not in force. This is a simulation: nothing is being blocked.")
    w.mock.reply("GetStatus", "({'state': <'not-protecting'>, 'summary': <'The enforcer is gone.'>},)")
    contains(w.run("set", "curl", "offline").err, "not in force. The enforcer is gone.")


@test
def a_temporary_profile_says_what_follows(w):
    for before, then in (("", "Default"), ("online", "Online")):
        w.mock.reply("SetProfile", set_result(before=f"<'{before}'>"), "curl")
        contains(w.run("set", "curl", "offline", "--for", "1h").out, f", then {then}: it cannot use the network.")


@test
def a_profile_for_as_long_as_something_lasts_says_so(w):
    w.mock.reply("SetProfile", set_result(before="<'local'>"))
    contains(w.run("set", "curl", "offline", "--until-quit").out, "curl is now Offline until it quits, then Local: it cannot")
    contains(w.calls()[0], "'while': <'running'>")
    contains(w.run("set", "curl", "offline", "--until-restart", "--then", "default").out,
             "curl is now Offline until this machine restarts, then Default: it cannot")
    contains(w.calls()[0], "'while': <'boot'>", "'then': <''>")


@test
def set_refuses_bad_arguments_by_name(w):
    for args, words in (
            (("curl",), "PROFILE is missing"), ((), "APP is missing"), (("curl", "onlin"), 'PROFILE: "onlin" is no profile'),
            (("curl", "default"), 'use "netguard forget curl"'), (("curl", "offline", "x"), '"x" is one argument too many'),
            (("curl", "offline", "--for", "1"), '--for: "1" is no duration'),
            (("curl", "offline", "--for", "11y"), '--for: "11y" is no duration'),
            (("curl", "offline", "--for", "1h", "--until", "2100-01-01T00:00:00Z"), "--for and --until"),
            (("curl", "offline", "--until", "tomorrow"), '--until: "tomorrow" is no time'),
            (("curl", "offline", "--until", "2001-01-01T00:00:00Z"), "is over already"),
            (("curl", "offline", "--then", "online"), "--then: needs --for, --until, --until-quit or --until-restart"),
            (("curl", "offline", "--for", "1h", "--until-quit"), "--until-restart: give one of them"),
            (("curl", "offline", "--until-restart", "--until-quit"), "--until-restart: give one of them"),
            (("curl", "offline", "--for", "1h", "--then", "never"), '--then: "never" is none of'),
            (("curl", "offline", "--children", "none"), '--children: "none" is neither'),
            (("curl", "offline", "--allow", "loopback", "--no-allow"), "--allow and --no-allow"),
            (("curl", "offline", "--allow", ""), "--allow: is empty"), (("", "offline"), "APP is empty"),
            (("curl", "offline", "--reason", b"\xff"), '--reason: "\\xff" is not UTF-8'),
            ((b"/opt/\xff\x1b", "offline"), 'APP: "/opt/\\xff\\x1b" is not UTF-8'), (("curl", "offline", "--bogus"), "--bogus")):
        r = w.run("set", *args)
        equal((r.code, r.out), (2, ""), r)
        contains(r.err, words, "See: netguard set --help")
        if "\x1b" in r.err:
            raise AssertionError(repr(r.err))
    equal(w.calls(), [])


@test
def set_finds_a_command_in_path(w):
    tool = os.path.join(w.folder, "bin", "frob")
    os.mkdir(os.path.dirname(tool))
    shutil.copy("/bin/true", tool)
    os.symlink("bin", os.path.join(w.folder, "sbin"))
    w.mock.reply("SetProfile", set_result(id="<'frob'>", created="<true>"), os.path.realpath(tool))
    r = w.run("set", "frob", "offline", env={"PATH": f".:/nonexistent:{w.folder}/sbin"})
    equal((r.code, r.err), (0, ""), r)
    contains(r.out, f"New application: frob is {os.path.realpath(tool)}.\nfrob is now Offline")
    w.calls()
    for word in ("./frob", "../bin/frob", f"{w.folder}/sbin/frob"):
        r = w.run("set", word, "offline", cwd=os.path.dirname(tool))
        equal(r.code, 0, r)
        contains(w.calls()[-1], f"SetProfile ('{os.path.realpath(tool)}',")


@test
def set_uses_the_spelling_of_a_path_that_the_service_has(w):
    os.mkdir(os.path.join(w.folder, "usr"))
    os.symlink("usr", os.path.join(w.folder, "old"))
    written = os.path.join(w.folder, "old", "tool")
    shutil.copy("/bin/true", os.path.join(w.folder, "usr", "tool"))
    w.mock.reply("GetApp", "({'id': <'tool'>},)", written)
    w.mock.reply("SetProfile", set_result(id="<'tool'>"), written)
    equal(w.run("set", written, "offline").code, 0)
    contains(w.calls()[-1], f"SetProfile ('{written}',")


@test
def set_warns_where_a_rule_would_not_reach(w):
    script = os.path.join(w.folder, "script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/usr/bin/env python3\n")
    os.chmod(script, 0o755)
    w.mock.reply("SetProfile", set_result())
    contains(w.run("set", script, "offline").err, "is a script: the kernel sees /usr/bin/env run")
    contains(w.run("set", os.path.join(w.folder, "later"), "offline").err, "there is no file", "the rule waits for it")
    contains(w.run("set", w.folder + "/", "offline").err, "not the path of a file")
    r = w.run("set", w.folder, "offline")
    equal(r.code, 2)
    contains(r.err, "is a folder: name the program inside it")


@test
def an_unknown_application_exits_3_and_suggests(w):
    w.mock.reply("ListApps", APPS)
    r = w.run("get", "firefxo")
    equal((r.code, r.out), (3, ""), r)
    contains(r.err, 'netguard: get: APP: nothing is called "firefxo": did you mean "firefox"?')
    r = w.run("forget", "zzzzzz")
    equal(r.code, 3)
    contains(r.err, 'nothing was decided about "zzzzzz"', '"netguard set zzzzzz PROFILE"')
    r = w.run("set", "zzzzzz", "offline")
    equal(r.code, 3)
    contains(r.err, "no command in PATH")


@test
def errors_of_the_service_become_exit_codes(w):
    for name, code in (("org.networkguard.Error.InvalidArgument", 2), ("org.networkguard.Error.Managed", 1),
                       ("org.networkguard.Error.Conflict", 1), ("org.networkguard.Error.NotEnforced", 4),
                       ("org.networkguard.Error.Failed", 1), ("org.networkguard.Error.Limit", 1),
                       ("org.freedesktop.DBus.Error.AccessDenied", 5), ("org.example.Surprise", 1),
                       ("org.freedesktop.DBus.Error.NoReply", 6)):
        w.mock.error("SetProfile", name, "one sentence \\x1b[31m.")
        r = w.run("set", "curl", "offline")
        equal((r.code, r.out), (code, ""), (name, r))
        contains(r.err, "netguard: set: ")
        if "GDBus" in r.err or "org." in r.err:
            raise AssertionError(r.err)
    w.mock.error("SetProfile", "org.networkguard.Error.Managed", "curl is managed by the administrator: ask them.")
    contains(w.run("set", "curl", "offline").err, "netguard: set: curl is managed by the administrator: ask them.\n")


@test
def forget_tells_what_holds_now(w):
    w.mock.reply("Forget", "({'id': <'curl'>, 'now': <'online'>, 'closed': <uint32 0>, 'enforced': <true>, "
                 "'warning': <''>},)", "curl")
    r = w.run("forget", "curl", "--reason", "done")
    equal((r.code, r.out), (0, "curl is forgotten: Online holds for it now, it can reach the Internet.\n"), r)
    is_call(w.calls()[0], "Forget ('curl'", "'origin': <'command'>", "'reason': <'done'>")
    equal(w.run("forget", "curl", "--json").json()["now"], "online")


@test
def pause_resume_and_panic(w):
    done = "({'state': <'x'>, 'closed': <uint32 %d>, 'enforced': <%s>, 'warning': <'%s'>},)"
    for method in ("Pause", "Resume", "Panic"):
        w.mock.reply(method, done % (1, "true", ""))
    contains(w.run("pause", "10m", "--reason", "r").out, "Paused until ", "(in 10 min): every program can reach the network.")
    is_call(w.calls()[0], "Pause (600", "'origin': <'command'>", "'reason': <'r'>")
    contains(w.run("resume").out, "Resumed: every program is held to its profile again.")
    contains(w.run("panic").out, "every program is Offline", "1 open connection closed.")
    equal(w.run("panic", "--json").json()["closed"], 1)
    for bad in ("0s", "25h", "10", "-5m", "ten"):
        r = w.run("pause", "--", bad)
        equal(r.code, 2, r)
        contains(r.err, "DURATION")
    w.mock.reply("Panic", done % (0, "false", "the enforcer does not answer"))
    r = w.run("panic")
    equal((r.code, r.out), (4, ""))
    contains(r.err, "not in force. the enforcer does not answer")


@test
def export_and_import(w):
    document = '{"version": 1, "applications": []}'
    w.mock.reply("Export", f"('{document}',)")
    equal(w.run("export").out, document + "\n")
    equal(w.run("export", "--json").json()["version"], 1)
    w.mock.reply("Import", "({'added': <['a', 'b']>, 'changed': <['c']>, 'unchanged': <['d']>, 'closed': <uint32 3>,"
                 "'enforced': <true>, 'warning': <''>},)")
    w.calls()
    r = w.run("import", stdin=document.encode())
    equal((r.code, r.out), (0, "Added 2 applications: a, b\nChanged 1 application: c\nUnchanged: 1 application.\n"
                            "3 open connections closed.\n"), r)
    equal(w.calls(), [f"Import ('{document}', false, {{'origin': <'command'>}})"])
    path = os.path.join(w.folder, "x.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)
    contains(w.run("import", path, "--dry-run").out, "Would add 2 applications: a, b")
    contains(w.calls()[0], ", true, ")
    equal(w.run("import", "-", "--json", stdin=document.encode()).json()["changed"], ["c"])
    for data in (b"\xff", b"a\0b", b"x" * (4 * 1024 * 1024 + 1)):
        equal(w.run("import", stdin=data).code, 2)
    r = w.run("import", "/nonexistent")
    equal(r.code, 2)
    contains(r.err, "/nonexistent: No such file")
    contains(w.run("import", w.folder).err, "Is a directory")


@test
def reload_tells_problems(w):
    w.mock.reply("Reload", "({'problems': <@aa{sv} [{'path': <'/x.app'>, 'line': <uint32 0>, 'column': <uint32 0>,"
                 "'message': <'Too large.'>, 'kept': <false>}]>, 'enforced': <true>, 'closed': <uint32 0>, 'warning': <''>},)")
    r = w.run("reload")
    equal((r.code, r.out), (0, "All application files were read again: 1 problem.\n"
                            "  Problem         /x.app: Too large. (this file is not in force)\n"), r)
    equal(len(w.run("reload", "--json").json()["problems"]), 1)


@test
def approve_takes_the_files_as_they_are(w):
    w.mock.reply("Approve", "({'id': <'curl'>, 'fingerprint': <'00ff'>},)", "curl")
    r = w.run("approve", "curl", "--reason", "upgrade")
    equal((r.code, r.out, r.err), (0, "curl: its files are approved as they are now.\n", ""), r)
    is_call(w.calls()[0], "Approve ('curl'", "'reason': <'upgrade'>", "'origin': <'command'>")
    equal(w.run("approve", "curl", "--json").json()["fingerprint"], "00ff")
    w.mock.error("Approve", "org.networkguard.Error.Failed", "Nothing was approved: none of its files is there now.", "curl")
    r = w.run("approve", "curl")
    equal((r.code, r.out), (1, ""), r)
    contains(r.err, "Nothing was approved")


SETTINGS = ("({'default-profile': <'local'>, 'default-allow': <['loopback', 'shared']>, 'max-age-days': <uint32 90>, "
            "'max-size-mb': <uint32 0>, 'managed': <['max-age-days']>},)")


@test
def settings_shows_what_holds_and_what_is_fixed(w):
    w.mock.reply("GetSettings", SETTINGS)
    r = w.run("settings")
    equal((r.code, r.err), (0, ""), r)
    contains(r.out, "Local: it can reach this machine", "loopback, shared   (default-allow)",
             "90 days   (max-age-days; fixed by the administrator)", "any size   (max-size-mb)")
    equal(w.run("settings", "--json").json()["managed"], ["max-age-days"])


@test
def settings_sets_each_key(w):
    w.mock.reply("SetSettings", "({'state': <'normal'>, 'enforced': <true>, 'closed': <uint32 1>, 'warning': <''>},)")
    r = w.run("settings", "default-profile=Offline", "default-allow=loopback, shared", "max-age-days=0", "max-size-mb=12",
              "--reason", "tests")
    equal((r.code, r.out), (0, "The settings are stored and in force. 1 open connection closed.\n"), r)
    contains(w.calls()[0], "SetSettings ({", "'default-profile': <'offline'>", "'default-allow': <['loopback', 'shared']>",
            "'max-age-days': <uint32 0>", "'max-size-mb': <uint32 12>", "'reason': <'tests'>", "'origin': <'command'>")
    equal(w.run("settings", "default-allow=").code, 0)
    contains(w.calls()[0], "'default-allow': <@as []>")
    w.mock.reply("SetSettings", "({'enforced': <false>, 'warning': <'This is a simulation.'>},)")
    r = w.run("settings", "default-profile=local")
    equal((r.code, r.out), (4, "The settings are stored.\n"), r)


@test
def settings_refuses_what_is_no_setting_before_asking(w):
    for args, words in ((("colour=red",), '"colour=red" is no setting'), (("default-profile",), "write KEY=VALUE"),
                        (("max-age-days=many",), "max-age-days: write a number of days"),
                        (("max-age-days=1", "max-age-days=2"), "given twice"), (("--reason", "x"), "nothing is set")):
        r = w.run("settings", *args)
        equal(r.code, 2, r)
        contains(r.err, words)
    equal(w.calls(), [])
    w.mock.error("SetSettings", "org.networkguard.Error.Managed", "max-size-mb is decided by the administrator")
    equal(w.run("settings", "max-size-mb=1").code, 1)


sys.exit(run_all())
