/* SPDX-License-Identifier: MIT */
/* The table of capabilities (see capabilities.h): text only, no power. Sentences are for people who run a machine. */
#include "guardd/capabilities.h"

const NgCapability ng_capabilities[] = {
	{ NG_CAN_EXEC_TAG, "exec", "Programs are recognised when they start",
	  "A program and everything it starts is known by its file, whatever it is called.",
	  "No program can be told from another: profiles are not enforced.", TRUE, FALSE },
	{ NG_CAN_RUNNING, "running", "Programs that ran before the guard are recognised",
	  "What was already running is held to its profile too.",
	  "What was already running when the guard started keeps its network until it is started again.", TRUE, FALSE },
	{ NG_CAN_OPEN_SOCKETS, "open-sockets", "Sockets opened before the guard are recognised",
	  "Connections that were already open are held to the profile of their program.",
	  "Connections that were open when the guard started are not judged.", TRUE, FALSE },
	{ NG_CAN_CREATE, "create", "New sockets are judged and marked",
	  "Every new socket carries the mark of the program that made it; raw sockets are refused to offline programs.",
	  "New sockets are not marked: their packets cannot be judged.", TRUE, FALSE },
	{ NG_CAN_CONNECT4, "connect4", "IPv4 connections are judged", "A denied connect() fails at once.",
	  "connect() over IPv4 is not judged when it is called.", TRUE, FALSE },
	{ NG_CAN_CONNECT6, "connect6", "IPv6 connections are judged", "A denied connect() fails at once.",
	  "connect() over IPv6 is not judged when it is called.", TRUE, FALSE },
	{ NG_CAN_SENDMSG4, "sendmsg4", "IPv4 datagrams are judged", "A denied send fails at once.",
	  "Datagrams over IPv4 are not judged when they are sent.", TRUE, FALSE },
	{ NG_CAN_SENDMSG6, "sendmsg6", "IPv6 datagrams are judged", "A denied send fails at once.",
	  "Datagrams over IPv6 are not judged when they are sent.", TRUE, FALSE },
	{ NG_CAN_BIND4, "bind4", "Listening on IPv4 is judged", "An offline program cannot take a port.",
	  "Programs can take ports over IPv4 whatever their profile.", TRUE, FALSE },
	{ NG_CAN_BIND6, "bind6", "Listening on IPv6 is judged", "An offline program cannot take a port.",
	  "Programs can take ports over IPv6 whatever their profile.", TRUE, FALSE },
	{ NG_CAN_EGRESS, "egress", "Every IP packet that leaves is judged",
	  "A change of profile reaches open connections at their next packet.",
	  "Packets of open connections leave whatever the profile.", TRUE, FALSE },
	{ NG_CAN_INGRESS, "ingress", "Every IP packet that arrives is judged",
	  "A program cannot be reached by what it may not reach.", "Programs can be reached whatever their profile.",
	  TRUE, FALSE },
	{ NG_CAN_DESTROY, "destroy", "Open connections are closed with an error",
	  "When a profile is tightened, the program sees an error at once.",
	  "When a profile is tightened, open connections are silent instead of ended; nothing passes all the same.",
	  FALSE, FALSE },
	{ NG_CAN_INHERITED, "inherited", "Inherited sockets are restricted",
	  "A socket handed down to a more restricted program is as restricted as that program.",
	  "A socket handed down to a more restricted program keeps what its maker may.", FALSE, FALSE },
	{ NG_CAN_PINNED, "pinned", "Enforcement outlives the service",
	  "Killing, stopping or upgrading the service changes nothing for the kernel.",
	  "When the service ends, nothing is enforced any more.", FALSE, FALSE },
	{ NG_CAN_WHOLE_MACHINE, "whole-machine", "The whole machine is covered",
	  "Attached at the root of the control groups: every process is covered.",
	  "Only processes in one control group and below it are covered.", FALSE, FALSE },
	{ NG_CAN_LSM, "lsm", "The kernel offers BPF LSM",
	  "Packet sockets and descriptors passed between programs could be judged; this version does not do it yet.",
	  "Packet sockets (which need root) and descriptors passed between programs cannot be judged; this version "
	  "does "
	  "not do it anywhere yet.",
	  FALSE, TRUE },
};
const gsize ng_n_capabilities = G_N_ELEMENTS(ng_capabilities);

guint32 ng_capabilities_needed(void)
{
	guint32 needed = 0;

	for (gsize i = 0; i < ng_n_capabilities; i++)
		needed |= ng_capabilities[i].is_needed ? ng_capabilities[i].bit : 0;
	return needed;
}
