/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the application page have in common: which application is shown, whether the guard answers, what
 * the person may do, and a way to ask the guard that cannot pile up, cannot answer for an application that is no longer
 * shown, and takes answers apart in a thread.
 *
 * A part is a subclass with two functions: `update` shows what is known already (called whenever anything changed), and
 * `refresh` asks the guard for more (called while the page is shown and the guard answers: at once for another
 * application, else at most once a second). Main loop only, no power.
 */
#ifndef NGW_APP_PAGE_SECTION_H
#define NGW_APP_PAGE_SECTION_H

#include <adwaita.h>

#include "window/window.h"

G_BEGIN_DECLS

/* What the page knows; the same for all parts. Pointers are borrowed for the call. */
typedef struct {
	NgwWindow *window;
	NgwGuard *guard;
	NgwApp *app;          /* NULL: nothing is shown */
	gboolean is_live;     /* the guard answers */
	gboolean may_tighten; /* the person may, perhaps after a question */
	gboolean may_loosen;
} NgwPageView;

#define NGW_TYPE_PAGE_SECTION (ngw_page_section_get_type())
G_DECLARE_DERIVABLE_TYPE(NgwPageSection, ngw_page_section, NGW, PAGE_SECTION, AdwPreferencesGroup)

struct _NgwPageSectionClass {
	AdwPreferencesGroupClass parent_class;
	guint refresh_s; /* ask again every so often; 0: only when something changed */
	void (*update)(NgwPageSection *self, gboolean is_new);
	void (*refresh)(NgwPageSection *self);
};

/* Called by the page. Another application than before ends every question that is under way. */
void ngw_page_section_show(NgwPageSection *self, const NgwPageView *view);
/* What the guard says may have changed: ask soon. */
void ngw_page_section_stir(NgwPageSection *self);

/* For subclasses; borrowed. `app` is NULL while nothing is shown. */
NgwApp *ngw_page_section_app(NgwPageSection *self);
const NgwAppData *ngw_page_section_data(NgwPageSection *self);
const NgwPageView *ngw_page_section_view(NgwPageSection *self);
/* Cancelled when another application is shown, or none. */
GCancellable *ngw_page_section_cancellable(NgwPageSection *self);

/* Makes of a reply what `done` gets. Runs in a thread: touches nothing but its arguments. Never NULL. */
typedef gpointer (*NgwPageDigest)(GVariant *reply, gpointer data);
/* `result` is borrowed for the call; NULL with an error. Not called after another application was shown. */
typedef void (*NgwPageDone)(NgwPageSection *self, gpointer result, const GError *error);

typedef struct {
	const char *method;
	GVariant *parameters; /* floating is consumed */
	const char *reply_type;
	NgwPageDigest digest; /* NULL: `done` gets the reply */
	gpointer data;        /* taken */
	GDestroyNotify data_free;
	GDestroyNotify result_free; /* of what digest makes */
	NgwPageDone done;
} NgwPageQuestion;

void ngw_page_section_ask(NgwPageSection *self, const NgwPageQuestion *question);

G_END_DECLS
#endif
