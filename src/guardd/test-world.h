/* SPDX-License-Identifier: MIT */
/*
 * For tests: a netguardd of one's own in a temporary folder, beside test-enforcer.c, and a client that speaks the wire
 * format itself, so that it can also speak it wrongly, and as another uid. As root the guard drops to "nobody"; without
 * root it simulates, and the caller's own uid may change things.
 */
#ifndef NG_TEST_WORLD_H
#define NG_TEST_WORLD_H

#include <gio/gio.h>
#include <sys/types.h>

#define NOBODY 65534

typedef struct {
	char *folder;
	char *socket;
	pid_t pid; /* of netguardd; 0: not running */
	int out;   /* its standard output */
	gboolean is_root;
	const char *bus; /* address of the system bus it sees; NULL: none */
} World;

typedef struct {
	int fd;
	guint32 serial;
} Raw;

/* Takes "NETGUARDD TEST-ENFORCER" from the arguments that g_test_init() left. */
void world_init(int argc, char **argv);
World *world_new(void);
void world_free(World *world);  /* ends the guard, removes the folder */
void world_start(World *world); /* returns when it is ready */
/* Send `signal` and wait for the end; the wait status. */
int world_stop(World *world, int signal);
void world_has_ended(World *world); /* it ended by itself, and was waited for */
char *world_path(World *world, const char *name);
void world_write(World *world, const char *name, const char *text); /* atomically */
void world_remove(World *world, const char *name);
pid_t world_enforcer(World *world);
char *world_errors(World *world); /* what it wrote to standard error */

/* Connected, as this uid (only root can be another); fd -1 when refused. */
int raw_connect(World *world, uid_t uid);
void raw_send(int fd, const void *data, gsize length);
/* Connected and introduced. */
Raw *raw_new(World *world, uid_t uid);
void raw_free(Raw *raw);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Raw, raw_free)
/* A call's bytes. `parameters` may be NULL; a floating reference is taken. */
guchar *raw_blob(Raw *raw, const char *method, GVariant *parameters, gsize *ret_length);
void raw_post(Raw *raw, const char *method, GVariant *parameters);
/* The next message; NULL: the connection was closed. Fails the test after 20 seconds of nothing. */
GDBusMessage *raw_read(Raw *raw);
/* TRUE: nothing more is to be read, the other side has closed. */
gboolean raw_is_closed(int fd);
/* The reply's body; NULL with *ret_error (owned by the caller) the error's name. */
GVariant *raw_call(Raw *raw, const char *method, GVariant *parameters, char **ret_error);

/* One call on a new connection as the uid who may change; must succeed. The a{sv}, as, or whatever its one value is. */
GVariant *world_do(World *world, const char *method, GVariant *parameters);
/* The same, must fail; the error's name. */
char *world_fail(World *world, uid_t uid, const char *method, GVariant *parameters);
/* An a{sv} from `key`, `value` (GVariant*, floating) pairs, NULL at the end. Floating. */
GVariant *options(const char *key, ...) G_GNUC_NULL_TERMINATED;
const char *dict_text(GVariant *dict, const char *key);
gboolean dict_true(GVariant *dict, const char *key);
guint32 dict_number(GVariant *dict, const char *key);
/* Call GetStatus until `key` is `value`: fails the test after 20 seconds. */
void world_wait_for(World *world, const char *key, const char *value);
/* The number of audit records with this action and origin. */
guint world_count_audit(World *world, const char *action, const char *origin);

#endif
