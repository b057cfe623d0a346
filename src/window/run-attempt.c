/* SPDX-License-Identifier: MIT */
/* Attempts of a confined command that are alike: see run-attempt.h. */
#include "window/run-attempt.h"

struct _NgwRunAttempt {
	GObject parent;
	NgwRunRecord *record;
};

static guint signal_changed;

G_DEFINE_FINAL_TYPE(NgwRunAttempt, ngw_run_attempt, G_TYPE_OBJECT)

const NgwRunRecord *ngw_run_attempt_record(NgwRunAttempt *self)
{
	return self->record;
}

void ngw_run_attempt_add(NgwRunAttempt *self, guint64 count)
{
	self->record->count += MIN(count, G_MAXUINT64 - self->record->count);
	g_signal_emit(self, signal_changed, 0);
}

static void ngw_run_attempt_finalize(GObject *object)
{
	ngw_run_record_free(NGW_RUN_ATTEMPT(object)->record);
	G_OBJECT_CLASS(ngw_run_attempt_parent_class)->finalize(object);
}

static void ngw_run_attempt_class_init(NgwRunAttemptClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_run_attempt_finalize;
	signal_changed =
		g_signal_new("changed", NGW_TYPE_RUN_ATTEMPT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_run_attempt_init(NgwRunAttempt *self)
{
}

NgwRunAttempt *ngw_run_attempt_new(NgwRunRecord *record)
{
	NgwRunAttempt *self = g_object_new(NGW_TYPE_RUN_ATTEMPT, NULL);

	self->record = record;
	return self;
}
