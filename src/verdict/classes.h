/* SPDX-License-Identifier: MIT */
/*
 * The one table of address classes: what "this machine", "the local network" and "the Internet" mean.
 *
 * Read by verdict.h (and through it by the kernel programs, the service and the simulation), by the test that compares
 * it with an independent oracle, and by the test that compares it with the table in the documents. Nothing else in the
 * tree knows an address range.
 *
 * The includer defines NG_V4(class, a, b, c, d, prefix_length), NG_V6(class, word0, word1, word2, word3, prefix_length)
 * with the words in host order, and NG_V6_SCOPE(class, scope) for the multicast addresses ffXS::/16 of scope S. The
 * first match wins; an address that no line matches is global, or on-link if it lies in a prefix of an own interface.
 *
 * Sources: RFC 6890 and the IANA special-purpose registries; RFC 1918, 3927, 6598, 4193, 4291, 2365, 7346; RFC 6052
 * (NAT64), 3056 (6to4), 4380 (Teredo). 0.0.0.0 and :: as a destination are loopback: Linux ip(7), ipv6(7).
 */

/* Cloud metadata services hand out credentials: never local, whatever range they lie in. */
NG_V4(NG_CLASS_METADATA, 169, 254, 169, 254, 32)
NG_V6(NG_CLASS_METADATA, 0xfd000ec2, 0, 0, 0x00000254, 128)

NG_V4(NG_CLASS_MACHINE, 127, 0, 0, 0, 8)
NG_V4(NG_CLASS_MACHINE, 0, 0, 0, 0, 32)
NG_V6(NG_CLASS_MACHINE, 0, 0, 0, 1, 128)
NG_V6(NG_CLASS_MACHINE, 0, 0, 0, 0, 128)

NG_V4(NG_CLASS_LAN, 10, 0, 0, 0, 8)
NG_V4(NG_CLASS_LAN, 172, 16, 0, 0, 12)
NG_V4(NG_CLASS_LAN, 192, 168, 0, 0, 16)
NG_V4(NG_CLASS_LAN, 169, 254, 0, 0, 16)
NG_V4(NG_CLASS_LAN, 255, 255, 255, 255, 32)
NG_V4(NG_CLASS_LAN, 224, 0, 0, 0, 24)
NG_V4(NG_CLASS_LAN, 239, 0, 0, 0, 8)
NG_V6(NG_CLASS_LAN, 0xfc000000, 0, 0, 0, 7)
NG_V6(NG_CLASS_LAN, 0xfe800000, 0, 0, 0, 10)
NG_V6_SCOPE(NG_CLASS_LAN, 1)
NG_V6_SCOPE(NG_CLASS_LAN, 2)
NG_V6_SCOPE(NG_CLASS_LAN, 3)
NG_V6_SCOPE(NG_CLASS_LAN, 4)
NG_V6_SCOPE(NG_CLASS_LAN, 5)

/* Carrier NAT and overlay VPNs: neither this network nor the open Internet. */
NG_V4(NG_CLASS_SHARED, 100, 64, 0, 0, 10)

/* Tunnels into the Internet: global even where an own interface carries the prefix (a 6to4 interface has a /16). */
NG_V6(NG_CLASS_GLOBAL, 0x0064ff9b, 0, 0, 0, 96)
NG_V6(NG_CLASS_GLOBAL, 0x0064ff9b, 0x00010000, 0, 0, 48)
NG_V6(NG_CLASS_GLOBAL, 0x20020000, 0, 0, 0, 16)
NG_V6(NG_CLASS_GLOBAL, 0x20010000, 0, 0, 0, 32)
