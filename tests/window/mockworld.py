# SPDX-License-Identifier: MIT
"""What the mock guard knows and how it answers: org.networkguard.Guard1 in plain Python values, without D-Bus.

A World is a scene (see SCENES) that the calls change as the real guard would: a decision is stored, the audit log grows, the
signal Changed is due. Nothing is enforced and nothing is checked that a window cannot see.
"""

import hashlib
import json
import os
import random
import time

import mockdata

ERROR = "org.networkguard.Error."
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
PROFILES = ("offline", "local", "online")
ACTIONS = ("tighten", "loosen", "pause", "observe", "audit", "configure")

# The types of the dictionaries' values, as the interface's comments say; one table, because no key has two types.
TYPES = {
    **dict.fromkeys("""version state summary backend kernel cgroup mode default-profile history-health id name profile then reason layer path while
        fingerprint app verdict text class rule tip source executable command application decider call family protocol address errno local
        remote auth action before after origin hash warning now authority tighten loosen pause observe audit configure title meaning message""".split(), "s"),
    **dict.fromkeys("enforcing adopted enforcer-answers managed kept created enforced intact in-force set supported needed complete".split(), "b"),
    **dict.fromkeys("paused-until until approved time first unlocked-until retry-at".split(), "x"),
    **dict.fromkeys("""applications closed not-closed port pid uid line column clients processes step max-age-days max-size-mb""".split(), "u"),
    **dict.fromkeys("denied-today tx-bytes rx-bytes allowed denied seq enforced-ns records first-bad count skipped".split(), "t"),
    **dict.fromkeys("executables found flags allow changed missing added unchanged default-allow".split(), "as"),
    "problems": "aa{sv}", "faults": "a{st}", "uids": "au", "buckets": "a(xtt)",
}


class Refusal(Exception):
    """An error of the interface: its name and sentence."""

    def __init__(self, name, text):
        super().__init__(text)
        self.name = name if "." in name else (DENIED if name == "AccessDenied" else ERROR + name)


class World:
    def __init__(self, scene="busy", count=None):
        self.due = []  # what the signal Changed is due for
        self.load(scene, count)

    # -- scenes --------------------------------------------------------------------------------------------------------

    def load(self, scene, count=None):
        self.now0 = int(time.time())
        self.dice = random.Random(11)
        plan = SCENES[scene]
        self.apps = {app["id"]: app for app in mockdata.applications(plan.get("count", 36) if count is None else count, self.now0)}
        self.processes = {app_id: app.pop("processes") for app_id, app in self.apps.items()}
        self.undecided = [] if plan.get("bare") else list(mockdata.UNDECIDED)
        self.mode, self.paused_until, self.state, self.summary = "normal", 0, "protecting", ""
        self.problems, self.missing, self.faults, self.health = [], [], {}, ""
        self.lacking = set()  # ids of capabilities
        self.permissions = dict.fromkeys(ACTIONS, "yes") | {"loosen": "authenticate", "pause": "authenticate", "configure": "authenticate"}
        self.authority, self.authority_text = "polkit", "The system asks whoever changes something."
        self.passphrase, self.unlocked_until, self.retry_at, self.wrong = "", 0, 0, 0
        self.settings = {"default-profile": "online", "default-allow": ["loopback"], "max-age-days": 90, "max-size-mb": 64, "managed": []}
        self.enforces, self.complete, self.intact = True, True, True
        self.attempts, self.audit = [], []
        if not plan.get("bare"):
            self._add_history()
        for change in plan.get("changes", ()):
            change(self)
        self.due += ["policy", "state", "problems", "settings", "lock"]

    def _add_history(self):
        apps = [self.apps[app_id] for app_id in ("curl", "supertuxkart", "gimp", "syncthing", "evince", "tcpdump", "avahi-daemon") if app_id in self.apps]
        for number in range(160):
            app = apps[int(self.dice.random() ** 2 * len(apps))]
            remote = mockdata.REMOTE[int(self.dice.random() ** 1.5 * len(mockdata.REMOTE))]
            if app["profile"] == "online" or (app["profile"] == "local" and remote[4] == "lan"):
                continue
            self.blocked(app, remote, self.now0 - int(number ** 1.7 * 9) - 20, self.dice.choice((1, 1, 2, 3, 12)))
        for number, app in enumerate(reversed(list(self.apps.values())[:30])):
            when = self.now0 - (30 - number) * 41000 - self.dice.randrange(30000)
            self.record("set", app["id"], "", app["profile"], "", "command" if number % 3 else "window", when)
            if number % 7 == 3:
                self.record("pause", "", "normal", "paused", "Video call with the school", "window", when + 900)
        self.record("refused", "", "", "", "SetProfile", "", self.now0 - 4000, uid=1001)

    def blocked(self, app, remote, when, count=1, verdict="denied"):
        item = mockdata.attempt(app, remote, when, verdict, count)
        self.attempts.append(item)
        if verdict == "denied":
            app["denied"] += count
            if when >= self.now0 - self.now0 % 86400:
                app["denied-today"] += count
        return item

    def record(self, action, app, before, after, reason="", origin="window", when=None, uid=1000):
        last = self.audit[-1]["hash"] if self.audit else ""
        decided = [json.dumps({"id": app, "profile": value}) if value and app else value for value in (before, after)]
        item = {"seq": len(self.audit) + 1, "time": when or self.now(), "uid": uid, "auth": "polkit", "action": action, "application": app,
                "before": decided[0], "after": decided[1], "reason": reason, "origin": origin}
        item["hash"] = hashlib.sha256((last + repr(sorted(item.items()))).encode()).hexdigest()
        self.audit.append(item)

    @staticmethod
    def now():
        return int(time.time())

    # -- what is looked up ------------------------------------------------------------------------------------------------

    def find(self, text):
        for app in self.apps.values():
            if text in (app["id"], app["name"], *app["executables"]):
                return app
        raise Refusal("UnknownApplication", f"There is no application “{text}”. Give its path, or see netguard list for the names.")

    def effective_state(self):
        if self.state != "protecting":
            return self.state
        return {"normal": "protecting", "paused": "paused", "panic": "panic"}[self.mode]

    def effective_summary(self):
        if self.summary:
            return self.summary
        until = time.strftime("%H:%M", time.localtime(self.paused_until))
        return {"protecting": f"Protecting: {len(self.apps)} applications are decided on.", "paused": f"Paused until {until}: everything is allowed.",
                "panic": "Panic: everything is Offline until it is resumed.", "simulation": "Simulation: nothing is blocked, what would be is reported.",
                "not-protecting": "Not protecting: the enforcer does not answer. See netguard check."}[self.effective_state()]

    def _may(self, action):
        if self.permissions[action] == "no":
            raise Refusal("AccessDenied", "Only root may do this here: there is no polkit to ask. Use sudo netguard.")

    def _unlock(self, options):
        """The second lock, for what loosens."""
        given = options.get("passphrase")
        if not self.passphrase or self.unlocked_until > self.now():
            return
        if given is None:
            raise Refusal("Locked", "The second lock is on: give the passphrase, or unlock first.")
        if given != self.passphrase:
            raise Refusal("WrongPassphrase", "That is not the passphrase. Try again.")

    def _change(self, action, options):
        self._may(action)
        if action in ("loosen", "pause"):
            self._unlock(options)

    def _done(self, *parts, **result):
        self.due += parts
        return result | {"closed": result.get("closed", 0), "enforced": self.enforces,
                         "warning": "" if self.enforces else "It is stored, and the kernel did not take it. See netguard status."}

    # -- the methods ----------------------------------------------------------------------------------------------------

    def GetStatus(self):
        state = self.effective_state()
        return {"version": "0.1.0", "state": state, "summary": self.effective_summary(), "enforcing": state in ("protecting", "panic"),
                "backend": "simulation" if state == "simulation" else "bpf", "kernel": "6.1.0-18-amd64", "cgroup": "/sys/fs/cgroup", "adopted": False,
                "mode": self.mode, "paused-until": self.paused_until, "applications": len(self.apps), "executables": ("u", len(self.apps)),
                "default-profile": self.settings["default-profile"], "problems": self.problems, "faults": self.faults,
                "history-health": self.health, "enforcer-answers": state != "not-protecting", "clients": 1, "missing": self.missing}

    def Check(self):
        return [{"id": key, "title": title, "supported": key not in self.lacking, "in-force": key not in self.lacking, "needed": needed,
                 "meaning": absent if key in self.lacking else present} for key, title, needed, present, absent in mockdata.CAPABILITIES]

    def ListApps(self):
        return list(self.apps.values())

    def GetApp(self, app):
        return self.find(app)

    def SetProfile(self, app, profile, options):
        if profile not in PROFILES:
            raise Refusal("InvalidArgument", f"The profile must be offline, local or online, not “{profile}”.")
        try:
            item, created = self.find(app), False
        except Refusal:
            if not app.startswith("/"):
                raise
            name = options.get("name") or os.path.basename(app)
            item, created = mockdata.application(os.path.basename(app), name, app, self.settings["default-profile"], self.now(), self.dice), True
        if item["managed"]:
            raise Refusal("Managed", f"{item['name']} is decided in {item['path']} by the administrator. Change it there.")
        wider = PROFILES.index(profile) > PROFILES.index(item["profile"]) or bool(set(options.get("allow", ())) - set(item["allow"]))
        self._change("loosen" if wider else "tighten", options)
        before = "" if created else item["profile"]
        was = item["profile"]
        item |= {"profile": profile, "until": options.get("until", 0), "while": options.get("while", ""),
                 "then": options.get("then", was if options.get("until") or options.get("while") else "")}
        item |= {key: options[key] for key in ("reason", "allow", "name") if key in options}
        self.apps[item["id"]] = item
        self.processes.setdefault(item["id"], next((n for path, n in self.undecided if path in item["executables"]), 0))
        self.record("set", item["id"], before, profile, options.get("reason", ""), options.get("origin", ""))
        closed = 2 if not wider and was != profile and self.processes.get(item["id"]) else 0
        return self._done("policy", id=item["id"], created=created, profile=profile, closed=closed, before=before,
                          **{"not-closed": 0, "enforced-ns": 1_700_000})

    def Forget(self, app, options):
        item = self.find(app)
        if item["managed"]:
            raise Refusal("Managed", f"{item['name']} is decided in {item['path']} by the administrator. Change it there.")
        default = self.settings["default-profile"]
        self._change("loosen" if PROFILES.index(default) > PROFILES.index(item["profile"]) else "tighten", options)
        del self.apps[item["id"]]
        self.record("forget", item["id"], item["profile"], "", options.get("reason", ""), options.get("origin", ""))
        return self._done("policy", id=item["id"], now=default)

    def Explain(self, app, destination):
        item = self.find(app)
        effect = {"offline": "it may reach nothing", "local": "it may reach this machine and the local network", "online": "it may reach everything"}
        text = f"{item['name']} is {item['profile'].capitalize()}: {effect[item['profile']]}."
        result = {"app": item["id"], "name": item["name"], "profile": item["profile"], "verdict": "", "reason": "", "class": "",
                  "rule": f"Profile={item['profile']}", "path": item["path"], "tip": "", "text": text}
        if destination:
            reason, words = mockdata.REASONS[item["profile"]]
            verdict = "allowed" if item["profile"] == "online" else "denied"
            result |= {"verdict": verdict, "reason": reason, "class": "global",
                       "text": f"{text} {destination} is Internet. A connection there is {verdict}: {words}."}
        return result

    def GetAttempts(self, filters):
        found = [item for item in self.attempts if filters.get("app", item["application"]) == item["application"]
                 and item["time"] >= filters.get("since", 0) and filters.get("verdict") in (None, "", item["verdict"])]
        if filters.get("everyone"):
            self._may("observe")
        return sorted(found, key=lambda item: -item["time"])[:filters.get("limit", 200)]

    def GetConnections(self):
        rows = []
        for app_id, count in list(self.processes.items())[:40]:
            app = self.apps.get(app_id)
            if app and app["profile"] != "offline":
                rows += [self._connection(app, number) for number in range(min(count, 6))]
        return rows

    def _connection(self, app, number):
        remotes = [remote for remote in mockdata.REMOTE if app["profile"] == "online" or remote[4] == "lan"]
        remote = remotes[number % len(remotes)]
        host = f"[{remote[0]}]" if ":" in remote[0] else remote[0]
        local = "[fd00:7::5]" if ":" in remote[0] else "192.168.1.5"
        return {"pid": 4000 + number, "uid": 1000, "application": app["id"], "protocol": remote[2], "local": f"{local}:{40112 + 7 * number}",
                "remote": f"{host}:{remote[1]}", "state": "established" if remote[2] == "tcp" else ""}

    def GetAllConnections(self):
        self._may("observe")
        return self.GetConnections()

    def GetAudit(self, filters):
        self._may("audit")
        found = [item for item in self.audit if item["time"] >= filters.get("since", 0)]
        return found[-filters.get("limit", 1000):]

    def VerifyAudit(self):
        self._may("audit")
        if self.intact:
            return {"intact": True, "records": len(self.audit), "first-bad": 0, "in-force": True, "text": f"All {len(self.audit)} records fit together."}
        return {"intact": False, "records": len(self.audit), "first-bad": 17, "in-force": True,
                "text": "Record 17 was changed after it was written: what comes before it cannot be relied on."}

    def Pause(self, seconds, options):
        self._change("pause", options)
        self.mode, self.paused_until = "paused", self.now() + seconds
        self.record("pause", "", "normal", "paused", options.get("reason", ""), options.get("origin", ""))
        return self._done("state", state=self.effective_state())

    def Resume(self, options):
        self._change("loosen" if self.mode == "panic" else "tighten", options)
        self.mode, self.paused_until = "normal", 0
        self.record("resume", "", "", "normal", options.get("reason", ""), options.get("origin", ""))
        return self._done("state", state=self.effective_state())

    def Panic(self, options):
        self._change("tighten", options)
        self.mode, self.paused_until = "panic", 0
        self.record("panic", "", "normal", "panic", options.get("reason", ""), options.get("origin", ""))
        return self._done("state", state=self.effective_state(), closed=31)

    def Export(self):
        keys = ("id", "name", "executables", "profile", "allow", "until", "then", "reason")
        return json.dumps({"version": 1, "applications": [{key: app[key] for key in keys} for app in self.apps.values() if app["layer"] == "user"]})

    def Import(self, document, dry_run, options):
        try:
            entries = json.loads(document)["applications"]
        except (ValueError, KeyError, TypeError):
            raise Refusal("InvalidArgument", "The document is not one made by netguard export.") from None
        added = [entry["id"] for entry in entries if entry["id"] not in self.apps]
        return self._done(added=added, changed=[], unchanged=[entry["id"] for entry in entries if entry["id"] in self.apps])

    def Reload(self):
        self._may("configure")
        return self._done("policy", "problems") | {"problems": self.problems}

    def GetPermissions(self):
        return {"authority": self.authority, "text": self.authority_text, **self.permissions}

    def GetLock(self):
        return {"set": bool(self.passphrase), "unlocked-until": self.unlocked_until if self.unlocked_until > self.now() else 0, "retry-at": self.retry_at}

    def SetLock(self, old, new, options):
        self._may("configure")
        if old != self.passphrase:
            raise Refusal("WrongPassphrase", "That is not the passphrase that is set. Try again.")
        if new and len(new.encode()) < 8:
            raise Refusal("InvalidArgument", "A passphrase has 8 to 1,024 bytes. Choose a longer one.")
        self.passphrase, self.unlocked_until = new, 0
        self.record("lock", "", "", "set" if new else "removed", "", options.get("origin", ""))
        self.due.append("lock")

    def Unlock(self, passphrase, seconds):
        if passphrase != self.passphrase:
            self.wrong += 1
            raise Refusal("Limit" if self.wrong > 5 else "WrongPassphrase", "That is not the passphrase. Try again in a while.")
        self.wrong, self.unlocked_until = 0, self.now() + seconds
        self.due.append("lock")
        return self.GetLock()

    def Lock(self):
        self.unlocked_until = 0
        self.due.append("lock")

    def ListRunning(self):
        default, rows = self.settings["default-profile"], []
        for number, (app_id, count) in enumerate(self.processes.items()):
            if count and app_id in self.apps:
                app = self.apps[app_id]
                rows.append({"executable": app["executables"][0], "name": app["name"], "application": app_id, "profile": app["profile"],
                             "processes": count, "pid": 2000 + number, "uids": [1000]})
        decided = {path for app in self.apps.values() for path in app["executables"]}
        for number, (path, count) in enumerate(self.undecided):
            if path not in decided:
                rows.append({"executable": path, "name": os.path.basename(path), "application": "", "profile": default, "processes": count,
                             "pid": 900 + number, "uids": [0 if "/sbin/" in path or "systemd" in path else 1000]})
        return rows

    def GetActivity(self, filters):
        step = filters.get("step", 60)
        since = filters.get("since", self.now() - 3600)
        start = since - since % step
        buckets = []
        for begin in range(start, self.now() + 1, step) if self.attempts else ():
            dice = random.Random(begin)
            busy = 1 + ((begin // 600) * 7919 % 13)
            if dice.random() < 0.93:
                buckets.append((begin, int(busy * step / 60 * dice.uniform(0.3, 3)), int(dice.random() ** 3 * step / 60 * 6)))
        today = {app["id"]: app["denied-today"] for app in self.apps.values() if app["denied-today"]}
        return {"step": step, "buckets": buckets[-1500:], "complete": self.complete, "denied-today": ("a{st}", today)}

    def GetSettings(self):
        return {key: ("as", value) if key == "managed" else value for key, value in self.settings.items()}

    def SetSettings(self, settings, options):
        self._change("configure", options)
        for key in settings:
            if key in self.settings["managed"]:
                raise Refusal("Managed", f"{key} is set by the administrator in netguard.conf. Change it there.")
        self.settings |= settings
        self.record("settings", "", "", ", ".join(f"{key}={value}" for key, value in settings.items()), options.get("reason", ""), options.get("origin", ""))
        return self._done("settings", "policy", state=self.effective_state())

    def Approve(self, app, options):
        item = self.find(app)
        self._change("loosen", options)
        item |= {"changed": [], "fingerprint": f"{self.dice.getrandbits(256):064x}", "approved": self.now()}
        self.record("approve", item["id"], item["profile"], item["profile"], options.get("reason", ""), options.get("origin", ""))
        self.due.append("policy")
        return {"id": item["id"], "fingerprint": item["fingerprint"]}


# --- the scenes: changes to a world that protects and is well ---

def _paused(world):
    world.mode, world.paused_until = "paused", world.now0 + 1800


def _missing(world):
    world.lacking = {"destroy", "whole-machine"}
    world.missing = [absent for key, _t, _n, _p, absent in mockdata.CAPABILITIES if key in world.lacking]


def _not_protecting(world):
    world.state, world.lacking = "not-protecting", {"connect4", "connect6", "egress", "ingress"}
    world.missing = [absent for key, _t, _n, _p, absent in mockdata.CAPABILITIES if key in world.lacking]
    world.summary = "Not protecting: this kernel does not enforce connect4, connect6, egress, ingress."


def _problems(world):
    world.problems = [
        {"path": "/etc/netguard/apps.d/transmission.app", "line": 7, "column": 9, "message": "The profile must be offline, local or online, not “ofline”.", "kept": True},
        {"path": "/etc/netguard/apps.d/printers-and-scanners-of-the-second-floor.app", "line": 3, "column": 1,
         "message": "There is no key “Executables” in [Application]. Is Executable meant?", "kept": False}]


def _managed(world):
    for app_id in ("firefox-esr", "cups-browsed", "fwupd"):
        world.apps[app_id] |= {"managed": True, "layer": "administrator", "path": f"/etc/netguard/apps.d/{app_id}.app"}
    world.settings["managed"] = ["default-profile", "max-age-days"]


def _changed(world):
    for app_id in ("curl", "vlc"):
        world.apps[app_id]["changed"] = list(world.apps[app_id]["executables"])
    world.apps["supertuxkart"]["found"] = []


def _temporary(world):
    world.apps["transmission"] |= {"profile": "online", "until": world.now0 + 2520, "then": "offline", "reason": "Download of the Debian image"}
    world.apps["vlc"] |= {"profile": "online", "while": "running", "then": "local"}
    world.apps["npm"] |= {"profile": "online", "while": "boot", "then": "offline"}


def _locked(world):
    world.passphrase = "correct horse battery"


def _root_only(world):
    world.authority, world.authority_text = "root-only", "Only root may change anything here: there is no polkit on the bus."
    world.permissions = dict.fromkeys(ACTIONS, "no")


def _hosts(world):
    world.apps["curl"] |= {"allow": ["192.168.1.20:631/tcp", "mirror.example.org:443/tcp", "2001:db8:85a3::/48"], "reason": "Only our own mirror"}


def _set(**values):
    return lambda world: world.__dict__.update(values)


SCENES = {
    "busy": {"changes": [_temporary, _changed, _hosts]},
    "calm": {"changes": []},
    "few": {"count": 4},
    "many": {"count": 2000, "changes": [_temporary, _changed, _hosts]},
    "empty": {"count": 0, "bare": True},
    "paused": {"changes": [_paused]},
    "panic": {"changes": [_set(mode="panic")]},
    "simulation": {"changes": [_set(state="simulation", missing=["Nothing is blocked: this is a simulation."])]},
    "not-protecting": {"changes": [_not_protecting]},
    "missing": {"changes": [_missing]},
    "problems": {"changes": [_problems]},
    "managed": {"changes": [_managed]},
    "changed": {"changes": [_changed]},
    "temporary": {"changes": [_temporary]},
    "locked": {"changes": [_locked]},
    "root-only": {"changes": [_root_only]},
    "lost-events": {"changes": [_set(faults={"events-lost": 12}, complete=False)]},
    "sick-history": {"changes": [_set(health="The database could not be written: no space left on the device.")]},
    "broken-audit": {"changes": [_set(intact=False)]},
    "not-enforced": {"changes": [_set(enforces=False)]},
}
