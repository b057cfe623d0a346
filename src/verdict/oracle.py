#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The oracle of the address classes: what design and documents say, written a second time and on purpose apart from
classes.h, with the standard library's ipaddress. It reads nothing of the tree.

    oracle.py v4     every IPv4 address, as sorted ranges without gaps:       FIRST LAST CLASS   (32-bit hexadecimal)
    oracle.py v6     IPv6 addresses at and around every boundary:             ADDRESS CLASS ON-LINK-CLASS   (32 hex digits)

A class is one of: machine lan shared metadata global onlink. The third column of v6 is the class where the address lies
in a prefix of an own interface.
"""

import ipaddress
import sys

V4_END = 1 << 32
V6_END = 1 << 128


def net(text):
    return ipaddress.ip_network(text)


# The meaning of Local, from the most to the least special: an address is of the first class that names it.
V4_TABLE = [
    ("metadata", ["169.254.169.254/32"]),
    ("machine", ["127.0.0.0/8", "0.0.0.0/32"]),
    ("shared", ["100.64.0.0/10"]),
    ("lan", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "255.255.255.255/32", "224.0.0.0/24",
             "239.0.0.0/8"]),
]
V6_TABLE = [
    ("metadata", ["fd00:ec2::254/128"]),
    ("machine", ["::1/128", "::/128"]),
    ("lan", ["fc00::/7", "fe80::/10"]),
]
# Tunnels into the Internet: global, and no interface of this machine makes them local.
V6_TUNNELS = ["64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"]
LOCAL_SCOPES = {1, 2, 3, 4, 5}

# Where something could begin or end by mistake: registries' other special blocks, and look-alikes of ours.
V6_OTHERS = ["::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "100::/64", "2001::/23", "2001:db8::/32", "2000::/3",
             "2001:20::/28", "2001:10::/28", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fec0::/10", "fe00::/9",
             "fc00::/8", "fd00::/8", "fd00:ec2::/32", "ff00::/8", "2001:0:ffff::/48", "64:ff9b::/32", "::/0", "::/8",
             "8000::/1", "4000::/2"]


def v4_class(address):
    for name, prefixes in V4_TABLE:
        if any(address in net(prefix) for prefix in prefixes):
            return name
    return "global"


def v6_class(address, onlink=False):
    if address.ipv4_mapped is not None:
        plain = v4_class(address.ipv4_mapped)
    elif address.is_multicast:
        plain = "lan" if (int(address) >> 112) & 0xF in LOCAL_SCOPES else "global"
    else:
        named = (name for name, prefixes in V6_TABLE if any(address in net(prefix) for prefix in prefixes))
        plain = next(named, "global")
    in_tunnel = any(address in net(prefix) for prefix in V6_TUNNELS)
    return "onlink" if onlink and plain == "global" and not in_tunnel else plain


def v4_ranges():
    """Cut the whole space at every first address and every address behind a last; merge what is alike."""
    prefixes = [net(prefix) for _, names in V4_TABLE for prefix in names]
    cuts = {0, V4_END}
    for prefix in prefixes:
        cuts |= {int(prefix.network_address), int(prefix.broadcast_address) + 1}
    cuts = sorted(cuts)
    ranges = []
    for first, behind in zip(cuts, cuts[1:]):
        name = v4_class(ipaddress.IPv4Address(first))
        if ranges and ranges[-1][2] == name:
            ranges[-1][1] = behind - 1
        else:
            ranges.append([first, behind - 1, name])
    return ranges


def around(prefix):
    """The addresses at the edges of a prefix, one outside and one inside each, and one well inside."""
    first, last = int(prefix.network_address), int(prefix.broadcast_address)
    wanted = {first - 1, first, first + 1, last - 1, last, last + 1, (first + last) // 2}
    return {value for value in wanted if 0 <= value < V6_END}


def v6_points():
    points = set()
    for prefix in [p for _, names in V6_TABLE for p in names] + V6_TUNNELS + V6_OTHERS:
        points |= around(net(prefix))
    for flags in range(16):  # every flag and scope of multicast
        for scope in range(16):
            points |= around(net(f"ff{flags:x}{scope:x}::/16"))
    mapped = int(ipaddress.IPv6Address("::ffff:0:0"))
    for first, last, _ in v4_ranges():  # every IPv4 boundary, mapped and in the tunnels that carry IPv4
        for value in (first, last):
            points.add(mapped + value)
            points.add(value)  # the deprecated IPv4-compatible form
            points.add(int(ipaddress.IPv6Address("64:ff9b::")) + value)
            points.add(int(ipaddress.IPv6Address("2002::")) + (value << 80))
            points.add(int(ipaddress.IPv6Address("2001::")) + (value ^ 0xFFFFFFFF))
    for bit in range(128):  # one bit beside the addresses that are named alone
        for name in ("::", "::1", "fd00:ec2::254", "::ffff:127.0.0.1"):
            points.add(int(ipaddress.IPv6Address(name)) ^ (1 << bit))
    return sorted(points)


def main():
    if sys.argv[1:] == ["v4"]:
        for first, last, name in v4_ranges():
            print(f"{first:08x} {last:08x} {name}")
    elif sys.argv[1:] == ["v6"]:
        for value in v6_points():
            address = ipaddress.IPv6Address(value)
            print(f"{value:032x} {v6_class(address)} {v6_class(address, onlink=True)}")
    else:
        sys.exit(__doc__)


main()
