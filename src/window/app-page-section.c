/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the application page have in common: see app-page-section.h. A question holds a reference to the
 * part that asks and the cancellable of the application it was asked for; an answer whose cancellable is cancelled is
 * dropped, wherever it is by then.
 */
#include "window/app-page-section.h"

#define REFRESH_PAUSE_MS 1000

typedef struct {
	NgwPageView view; /* `app` is owned, the others are borrowed from the window we are in */
	GCancellable *cancellable;
	guint n_questions; /* under way, for this application */
	gboolean is_stirred;
	gint64 asked_us; /* g_get_monotonic_time() of the last refresh */
	guint timer;
} NgwPageSectionPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(NgwPageSection, ngw_page_section, ADW_TYPE_PREFERENCES_GROUP)

static NgwPageSectionPrivate *private_of(NgwPageSection *self)
{
	return ngw_page_section_get_instance_private(self);
}

/* --- reading --- */

NgwApp *ngw_page_section_app(NgwPageSection *self)
{
	return private_of(self)->view.app;
}

const NgwAppData *ngw_page_section_data(NgwPageSection *self)
{
	return ngw_app_data(private_of(self)->view.app);
}

const NgwPageView *ngw_page_section_view(NgwPageSection *self)
{
	return &private_of(self)->view;
}

GCancellable *ngw_page_section_cancellable(NgwPageSection *self)
{
	return private_of(self)->cancellable;
}

/* --- when to ask --- */

static void section_plan(NgwPageSection *self);

static gboolean section_timer(gpointer data)
{
	NgwPageSection *self = data;
	NgwPageSectionPrivate *private = private_of(self);

	private->timer = 0;
	private->is_stirred = TRUE;
	section_plan(self);
	return G_SOURCE_REMOVE;
}

static void section_refresh(NgwPageSection *self)
{
	NgwPageSectionPrivate *private = private_of(self);

	private->is_stirred = FALSE;
	private->asked_us = g_get_monotonic_time();
	NGW_PAGE_SECTION_GET_CLASS(self)->refresh(self);
}

/* Ask now, or set the timer for when. */
static void section_plan(NgwPageSection *self)
{
	NgwPageSectionPrivate *private = private_of(self);
	NgwPageSectionClass *class = NGW_PAGE_SECTION_GET_CLASS(self);
	const gint64 age_ms = (g_get_monotonic_time() - private->asked_us) / 1000;
	guint wait_ms = 0;

	g_clear_handle_id(&private->timer, g_source_remove);
	if (!class->refresh || !private->view.app || !private->view.is_live ||
	    !gtk_widget_get_mapped(GTK_WIDGET(self)) || private->n_questions > 0)
		return;
	if (private->is_stirred && (private->asked_us == 0 || age_ms >= REFRESH_PAUSE_MS))
		section_refresh(self);
	if (private->timer != 0 || private->n_questions > 0)
		return;
	wait_ms = private->is_stirred ? REFRESH_PAUSE_MS : class->refresh_s * 1000;
	if (wait_ms > 0)
	private->timer = g_timeout_add(wait_ms, section_timer, self);
}

void ngw_page_section_stir(NgwPageSection *self)
{
	private_of(self)->is_stirred = TRUE;
	section_plan(self);
}

/* --- asking --- */

typedef struct {
	NgwPageSection *self; /* owned */
	GCancellable *cancellable;
	NgwPageQuestion question;
	GVariant *reply;
} Asked;

static void asked_free(Asked *asked)
{
	g_object_unref(asked->self);
	g_object_unref(asked->cancellable);
	g_clear_pointer(&asked->reply, g_variant_unref);
	if (asked->question.data_free)
		asked->question.data_free(asked->question.data);
	g_free(asked);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Asked, asked_free)

static void asked_done(Asked *asked, gpointer result, const GError *error)
{
	NgwPageSectionPrivate *private = private_of(asked->self);

	if (g_cancellable_is_cancelled(asked->cancellable))
		return;
	private->n_questions--;
	asked->question.done(asked->self, result, error);
	section_plan(asked->self);
}

static void asked_digest(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	Asked *asked = data;

	g_task_return_pointer(task, asked->question.digest(asked->reply, asked->question.data),
			      asked->question.result_free);
}

static void asked_digested(GObject *source, GAsyncResult *result, gpointer data)
{
	Asked *asked = g_task_get_task_data(G_TASK(result));
	gpointer made = g_task_propagate_pointer(G_TASK(result), NULL);

	asked_done(asked, made, NULL);
	if (made && asked->question.result_free)
		asked->question.result_free(made);
	/* Here and not where the task ends, which may be the thread: it holds a widget. */
	g_task_set_task_data(G_TASK(result), NULL, NULL);
}

static void asked_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Asked) asked = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GTask) task = NULL;

	asked->reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	if (!asked->reply || !asked->question.digest || g_cancellable_is_cancelled(asked->cancellable)) {
		asked_done(asked, asked->reply, error);
		return;
	}
	task = g_task_new(NULL, NULL, asked_digested, NULL);
	g_task_set_task_data(task, g_steal_pointer(&asked), (GDestroyNotify)asked_free);
	g_task_run_in_thread(task, asked_digest);
}

void ngw_page_section_ask(NgwPageSection *self, const NgwPageQuestion *question)
{
	NgwPageSectionPrivate *private = private_of(self);
	Asked *asked = g_new0(Asked, 1);

	*asked = (Asked){ g_object_ref(self), g_object_ref(private->cancellable), *question, NULL };
	private->n_questions++;
	ngw_guard_call(private->view.guard, question->method, question->parameters, question->reply_type,
		       private->cancellable, asked_answered, asked);
}

/* --- what is shown --- */

static void section_forget(NgwPageSectionPrivate *private)
{
	if (private->cancellable)
		g_cancellable_cancel(private->cancellable);
	g_clear_object(&private->cancellable);
	g_clear_object(&private->view.app);
	private->n_questions = 0;
	private->asked_us = 0;
}

void ngw_page_section_show(NgwPageSection *self, const NgwPageView *view)
{
	NgwPageSectionPrivate *private = private_of(self);
	const gboolean is_new = view->app != private->view.app;
	NgwApp *app = view->app ? g_object_ref(view->app) : NULL;
	const gboolean was_live = private->view.is_live;

	if (is_new) {
		section_forget(private);
		private->cancellable = app ? g_cancellable_new() : NULL;
	}
	g_clear_object(&private->view.app);
	private->view = *view;
	private->view.app = app;
	if (!app) {
		g_clear_handle_id(&private->timer, g_source_remove);
		return;
	}
	NGW_PAGE_SECTION_GET_CLASS(self)->update(self, is_new);
	if (is_new || (view->is_live && !was_live))
		ngw_page_section_stir(self);
}

static void ngw_page_section_map(GtkWidget *widget)
{
	GTK_WIDGET_CLASS(ngw_page_section_parent_class)->map(widget);
	ngw_page_section_stir(NGW_PAGE_SECTION(widget));
}

static void ngw_page_section_dispose(GObject *object)
{
	NgwPageSectionPrivate *private = private_of(NGW_PAGE_SECTION(object));

	g_clear_handle_id(&private->timer, g_source_remove);
	section_forget(private);
	G_OBJECT_CLASS(ngw_page_section_parent_class)->dispose(object);
}

static void ngw_page_section_class_init(NgwPageSectionClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_page_section_dispose;
	GTK_WIDGET_CLASS(class)->map = ngw_page_section_map;
}

static void ngw_page_section_init(NgwPageSection *self)
{
}
