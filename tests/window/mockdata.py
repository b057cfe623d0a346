# SPDX-License-Identifier: MIT
"""The applications, programs and events that the mock guard shows: plausible, the same each time, named after Debian's packages.

Addresses are those for documentation (RFC 5737, RFC 3849) and private ones. ICONS gives .desktop entries with icons that the Adwaita
theme has, for pictures; the window finds them by the file name of the executable.
"""

import os
import random
import shutil

# id, name, executable, profile, running processes
APPLICATIONS = [
    ("firefox-esr", "Firefox ESR", "/usr/lib/firefox-esr/firefox-esr", "online", 9),
    ("thunderbird", "Thunderbird", "/usr/lib/thunderbird/thunderbird-bin", "online", 3),
    ("curl", "curl", "/usr/bin/curl", "local", 0),
    ("git", "git", "/usr/bin/git", "online", 0),
    ("libreoffice", "LibreOffice", "/usr/lib/libreoffice/program/soffice.bin", "offline", 1),
    ("gimp", "GIMP", "/usr/bin/gimp-2.10", "offline", 1),
    ("vlc", "VLC media player", "/usr/bin/vlc", "local", 1),
    ("transmission", "Transmission", "/usr/bin/transmission-gtk", "offline", 0),
    ("supertuxkart", "SuperTuxKart", "/usr/games/supertuxkart", "offline", 1),
    ("wesnoth", "Battle for Wesnoth", "/usr/games/wesnoth-1.16", "local", 0),
    ("syncthing", "Syncthing", "/usr/bin/syncthing", "local", 2),
    ("keepassxc", "KeePassXC", "/usr/bin/keepassxc", "offline", 1),
    ("ssh", "OpenSSH client", "/usr/bin/ssh", "online", 2),
    ("rsync", "rsync", "/usr/bin/rsync", "local", 0),
    ("inkscape", "Inkscape", "/usr/bin/inkscape", "offline", 0),
    ("audacity", "Audacity", "/usr/bin/audacity", "offline", 0),
    ("evince", "Document Viewer", "/usr/bin/evince", "offline", 1),
    ("gnome-calculator", "Calculator", "/usr/bin/gnome-calculator", "offline", 0),
    ("gnome-maps", "Maps", "/usr/bin/gnome-maps", "online", 0),
    ("gnome-weather", "Weather", "/usr/bin/gnome-weather", "online", 0),
    ("simple-scan", "Document Scanner", "/usr/bin/simple-scan", "local", 0),
    ("cups-browsed", "Printer discovery", "/usr/sbin/cups-browsed", "local", 1),
    ("avahi-daemon", "Avahi", "/usr/sbin/avahi-daemon", "local", 2),
    ("unattended-upgrades", "Unattended upgrades", "/usr/bin/unattended-upgrade", "online", 0),
    ("fwupd", "Firmware updates", "/usr/libexec/fwupd/fwupd", "online", 1),
    ("pip", "pip", "/usr/bin/pip3", "online", 0),
    ("npm", "npm", "/usr/bin/npm", "offline", 0),
    ("wget", "wget", "/usr/bin/wget", "local", 0),
    ("telegram-desktop", "Telegram Desktop", "/usr/bin/telegram-desktop", "online", 1),
    ("hexchat", "HexChat", "/usr/bin/hexchat", "online", 0),
    ("mumble", "Mumble", "/usr/bin/mumble", "online", 0),
    ("obs-studio", "OBS Studio", "/usr/bin/obs", "offline", 0),
    ("blender", "Blender", "/usr/bin/blender", "offline", 0),
    ("calibre", "calibre", "/usr/bin/calibre", "offline", 0),
    ("steghide", "steghide", "/usr/bin/steghide", "offline", 0),
    ("tcpdump", "tcpdump", "/usr/bin/tcpdump", "local", 0),
]
# executable, processes: run, and nobody decided on them
UNDECIDED = [
    ("/usr/bin/gnome-software", 1), ("/usr/libexec/packagekitd", 1), ("/usr/sbin/NetworkManager", 1), ("/usr/lib/systemd/systemd-timesyncd", 1),
    ("/usr/bin/python3.11", 4), ("/usr/bin/bash", 6), ("/usr/bin/gnome-shell", 1), ("/usr/bin/rhythmbox", 1), ("/usr/libexec/goa-daemon", 1),
    ("/usr/bin/nautilus", 1), ("/usr/lib/jvm/java-17-openjdk-amd64/bin/java", 1), ("/home/anna/Downloads/a-program-with-a-rather-long-name-2.14.AppImage", 1),
]
# executable's file name: name, icon
ICONS = {
    "firefox-esr": ("Firefox ESR", "web-browser"), "thunderbird-bin": ("Thunderbird Mail", "emblem-mail"),
    "soffice.bin": ("LibreOffice", "x-office-document"), "gimp-2.10": ("GNU Image Manipulation Program", "applications-graphics"),
    "vlc": ("VLC media player", "multimedia-player"), "transmission-gtk": ("Transmission", "emblem-downloads"),
    "supertuxkart": ("SuperTuxKart", "applications-games"), "wesnoth-1.16": ("Battle for Wesnoth", "applications-games"),
    "syncthing": ("Syncthing", "mail-send-receive"), "keepassxc": ("KeePassXC", "dialog-password"), "evince": ("Document Viewer", "x-office-document"),
    "gnome-calculator": ("Calculator", "accessories-calculator"), "gnome-maps": ("Maps", "mark-location"), "gnome-weather": ("Weather", "starred"),
    "simple-scan": ("Document Scanner", "camera-photo"), "inkscape": ("Inkscape", "applications-graphics"), "audacity": ("Audacity", "audio-card"),
    "hexchat": ("HexChat", "user-available"), "mumble": ("Mumble", "microphone-sensitivity-high"), "obs": ("OBS Studio", "camera-video"),
    "calibre": ("calibre", "accessories-dictionary"), "telegram-desktop": ("Telegram Desktop", "user-available"),
    "gnome-software": ("Software", "system-software-install"), "rhythmbox": ("Rhythmbox", "multimedia-player"), "nautilus": ("Files", "system-file-manager"),
    "gnome-terminal": ("Terminal", "utilities-terminal"), "gedit": ("Text Editor", "accessories-text-editor"), "blender": ("Blender", "applications-graphics"),
    "NetworkManager": ("NetworkManager", "preferences-system-network"), "cheese": ("Cheese", "camera-video"),
}
REMOTE = [
    ("203.0.113.24", 443, "tcp", "ipv4", "global"), ("203.0.113.80", 80, "tcp", "ipv4", "global"), ("198.51.100.7", 443, "udp", "ipv4", "global"),
    ("2001:db8:85a3::8a2e:370:7334", 443, "tcp", "ipv6", "global"), ("192.168.1.1", 53, "udp", "ipv4", "lan"), ("192.168.1.20", 631, "tcp", "ipv4", "lan"),
    ("224.0.0.251", 5353, "udp", "ipv4", "lan"), ("fd00:7::12", 22000, "tcp", "ipv6", "lan"), ("198.51.100.200", 123, "udp", "ipv4", "global"),
    ("2001:db8::53", 53, "udp", "ipv6", "global"), ("169.254.169.254", 80, "tcp", "ipv4", "metadata"), ("100.64.3.9", 41641, "udp", "ipv4", "shared"),
]
REASONS = {
    "offline": ("offline", "the profile is Offline"), "local": ("not-local", "the profile is Local and the address is on the Internet"),
    "online": ("online", "the profile is Online"),
}
CAPABILITIES = [
    ("exec", "Programs are recognised when they start", True, "A program and everything it starts is known by its file, whatever it is called.",
     "No program can be told from another: profiles are not enforced."),
    ("running", "Programs that ran before the guard are recognised", True, "What was already running is held to its profile too.",
     "What was already running when the guard started keeps its network until it is started again."),
    ("create", "New sockets are judged and marked", True, "Every new socket carries the mark of the program that made it.",
     "New sockets are not marked: their packets cannot be judged."),
    ("connect4", "IPv4 connections are judged", True, "A denied connect() fails at once.", "connect() over IPv4 is not judged when it is called."),
    ("connect6", "IPv6 connections are judged", True, "A denied connect() fails at once.", "connect() over IPv6 is not judged when it is called."),
    ("egress", "Every IP packet that leaves is judged", True, "A change of profile reaches open connections at their next packet.",
     "Packets of open connections leave whatever the profile."),
    ("ingress", "Every IP packet that arrives is judged", True, "A program cannot be reached by what it may not reach.",
     "Programs can be reached whatever their profile."),
    ("destroy", "Open connections are closed with an error", False, "When a profile is tightened, the program sees an error at once.",
     "When a profile is tightened, open connections are silent instead of ended; nothing passes all the same."),
    ("pinned", "Enforcement outlives the service", False, "Killing, stopping or upgrading the service changes nothing for the kernel.",
     "When the service ends, nothing is enforced any more."),
    ("whole-machine", "The whole machine is covered", False, "Attached at the root of the control groups: every process is covered.",
     "Only processes in one control group and below it are covered."),
]


def applications(count, now):
    """`count` applications as ListApps has them; the first ones are the named ones."""
    dice = random.Random(7)
    rows = list(APPLICATIONS[:count])
    words = ["amber", "basalt", "cedar", "delta", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "kelp", "lumen", "maple", "nimbus"]
    kinds = ["agent", "daemon", "editor", "fetch", "helper", "index", "player", "reader", "sync", "viewer"]
    for number in range(len(rows), count):
        name = f"{words[number % len(words)]}-{kinds[number // len(words) % len(kinds)]}-{number}"
        rows.append((name, name, f"/usr/lib/{name}/{name}", dice.choice(("offline", "local", "online")), 1 if number % 97 == 0 else 0))
    return [application(*row[:4], now - dice.randrange(86400, 86400 * 90), dice) | {"processes": row[4]} for row in rows]


def application(app_id, name, executable, profile, approved, dice):
    return {
        "id": app_id, "name": name, "executables": [executable], "found": [executable], "profile": profile, "flags": [], "allow": [], "until": 0,
        "then": "", "reason": "", "layer": "user", "managed": False, "path": f"/var/lib/netguard/apps.d/{app_id}.app", "while": "",
        "fingerprint": f"{dice.getrandbits(256):064x}", "approved": approved, "changed": [],
        "denied-today": 0, "tx-bytes": dice.randrange(1 << 28), "rx-bytes": dice.randrange(1 << 32), "allowed": dice.randrange(9000), "denied": 0,
    }


def attempt(app, remote, time, verdict, count=1, uid=1000, pid=4711):
    """One of GetAttempts' dictionaries."""
    address, port, protocol, family, kind = remote
    reason, words = REASONS[app["profile"]]
    done = {"allowed": "was allowed", "denied": "was blocked", "would-be-denied": "would have been blocked"}[verdict]
    return {
        "time": time, "first": time - count * 7, "count": count, "source": "kernel", "pid": pid, "uid": uid, "executable": app["executables"][0],
        "command": os.path.basename(app["executables"][0])[:15], "application": app["id"], "decider": app["id"], "profile": app["profile"],
        "call": "connect" if protocol == "tcp" else "sendmsg", "family": family, "protocol": protocol, "address": address, "port": port, "class": kind,
        "verdict": verdict, "reason": reason, "text": f"{app['name']} {done}: {words}.", "errno": "EPERM" if verdict == "denied" else "",
        "tip": f"netguard set {app['id']} {app['profile']} --allow {address}" if verdict == "denied" else "",
    }


def icon_data(folder):
    """.desktop entries in folder/applications for the programs of ICONS, with something to start in folder/bin, which is returned."""
    programs = os.path.join(folder, "bin")
    os.makedirs(programs, exist_ok=True)
    os.makedirs(os.path.join(folder, "applications"), exist_ok=True)
    for program, (name, icon) in ICONS.items():
        shutil.copy("/bin/true", os.path.join(programs, program))
        with open(os.path.join(folder, "applications", program + ".desktop"), "w", encoding="utf-8") as file:
            file.write(f"[Desktop Entry]\nType=Application\nName={name}\nExec={programs}/{program}\nIcon={icon}\n")
    return programs
