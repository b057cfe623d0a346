/* SPDX-License-Identifier: MIT */
/*
 * The words people read: profiles, their effects, destinations, counts; and reading the interface's dictionaries. Pure.
 * Runs in `netguard`, as the user. Text from a dictionary is not escaped here: whoever prints it does.
 */
#ifndef NG_CLI_WORDS_H
#define NG_CLI_WORDS_H

#include "cli/text.h"

G_BEGIN_DECLS

#define NG_LOCAL_MEANS "Local: this machine and devices on your own network."

/* Dictionaries of the interface (a{sv}): a key that is missing or of another type gives the fallback. Strings are
 * borrowed from the dictionary. */
const char *ng_dict_string(GVariant *dict, const char *key);
gboolean ng_dict_is(GVariant *dict, const char *key);
gint64 ng_dict_number(GVariant *dict, const char *key);  /* y, q, u, x, t, i, n */
char **ng_dict_strings(GVariant *dict, const char *key); /* never NULL; owned by the caller */
gboolean ng_dict_has(GVariant *dict, const char *key);

/* "offline" -> "Offline"; NULL for what is no profile. */
const char *ng_profile_title(const char *profile);
NgTone ng_profile_tone(const char *profile);
/* "it cannot use the network" and so on; NULL for what is no profile. */
const char *ng_profile_effect(const char *profile);

/* "lan" -> "local network" and so on; a word that is not known is returned. Borrowed. */
const char *ng_class_title(const char *class);

/* "1 open connection closed." "No ..." is not said: NULL for none. Owned by the caller. */
char *ng_words_closed(gint64 closed, gint64 not_closed);
/* "1 application", "2 applications". Owned by the caller. */
char *ng_words_count(gint64 n, const char *noun);
/* What an attempt was about: "203.0.113.7:443/tcp", "from [2001:db8::1]:53/udp", "listen on ...". Owned by the caller.
 */
char *ng_words_destination(GVariant *attempt);
/* The application of an attempt: its id, or the program with "(default)" where nobody decided. Owned by the caller. */
char *ng_words_program(GVariant *attempt);
/* Why, as a clause that reads after the verdict in a column of its own. Borrowed from the attempt. */
const char *ng_words_why(GVariant *attempt);
/* "denied" -> "denied", "would-be-denied" -> "would be denied". Borrowed. */
const char *ng_words_verdict(const char *verdict);
NgTone ng_verdict_tone(const char *verdict);
/* When a decision ends and what follows (`then`, a profile or ""): "until it quits, then Offline". NULL: it has no end.
 * `decision` is one of ListApps' dictionaries, or SetProfile's options. Owned by the caller. */
char *ng_words_end(GVariant *decision, const char *then);
/* "12 kB" and so on. Owned by the caller. */
char *ng_words_bytes(gint64 bytes);

G_END_DECLS
#endif
