/* SPDX-License-Identifier: MIT */
/*
 * From what is decided to what is in force: compile, hand to the enforcer, tell who waits. One load at a time; what
 * changes meanwhile goes into the next one, and everyone hears about the load that included his change.
 */
#ifndef NG_GUARDD_LOADS_H
#define NG_GUARDD_LOADS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

typedef struct {
	gboolean enforced; /* the kernel decides by it now */
	guint32 closed;
	guint32 not_closed;
	guint64 enforced_ns;
	const char *warning; /* a sentence, "" for none */
} NgLoadResult;

/* Called once; maybe before ng_loads_request() returns. */
typedef void (*NgLoadDone)(const NgLoadResult *result, gpointer user_data);

NgLoads *ng_loads_new(NgEngine *engine);
void ng_loads_free(NgLoads *loads);

/* Make what is decided now true. `done` may be NULL. With `force` also when nothing seems to have changed. */
void ng_loads_request(NgLoads *loads, gboolean force, NgLoadDone done, gpointer user_data);
/* The enforcer answers and says that this image is in force: after a load it did not answer, either that is what is
 * wanted, or it is loaded again. (One it refused is tried again with the next change or the look every 30 seconds.) */
void ng_loads_confirm(NgLoads *loads, guint64 image_hash);
gboolean ng_loads_under_way(NgLoads *loads);

/* The latest image, checked; NULL: none yet. Borrowed until the next load. */
const struct ng_image *ng_loads_image(NgLoads *loads);
/* The id of an application by its key, in the latest image or the one before. Valid until the next load; "" for the
 * default. NULL: not known. The length is *ret_length, there is no NUL. */
const char *ng_loads_id(NgLoads *loads, guint64 key, gsize *ret_length);
/* The rules of an application in the latest image; NULL: it is not in there. Borrowed until the next load. */
const struct ng_app *ng_loads_rules(NgLoads *loads, guint64 key);
/* The key of the application that has this file in the latest image; 0: none. */
guint64 ng_loads_app_key_of_file(NgLoads *loads, const struct ng_exe_key *file);
guint64 ng_loads_decided_hash(NgLoads *loads); /* of the latest image; 0: none */
/* Some load succeeded since the start. */
gboolean ng_loads_ever(NgLoads *loads);
/* Why the last one failed; NULL: it did not. Borrowed. */
const char *ng_loads_failure(NgLoads *loads);

G_END_DECLS
#endif
