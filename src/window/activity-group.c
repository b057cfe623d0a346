/* SPDX-License-Identifier: MIT */
/* One line of Activity: see activity-group.h. */
#include "window/activity-group.h"

struct _NgwActivityGroup {
	GObject parent;
	NgwAttempt attempt; /* strings owned */
	char *search_text;
};

static guint signal_changed;

G_DEFINE_FINAL_TYPE(NgwActivityGroup, ngw_activity_group, G_TYPE_OBJECT)

static NgwDirection direction_of(const char *call)
{
	if (g_str_equal(call, "recv"))
		return NGW_DIRECTION_FROM;
	if (g_str_equal(call, "bind"))
		return NGW_DIRECTION_LISTEN;
	return g_str_equal(call, "create") ? NGW_DIRECTION_SOCKET : NGW_DIRECTION_TO;
}

static NgwVerdict verdict_of(const char *verdict)
{
	if (g_str_equal(verdict, "allowed"))
		return NGW_VERDICT_ALLOWED;
	return g_str_equal(verdict, "would-be-denied") ? NGW_VERDICT_WOULD_BLOCK : NGW_VERDICT_BLOCKED;
}

/* Where each key goes. One pass over a dictionary is ten times faster than looking up each key. */
static const struct {
	const char *key;
	gsize offset;
	char type;
} fields[] = {
	{ "time", G_STRUCT_OFFSET(NgwAttempt, last), 'x' },
	{ "first", G_STRUCT_OFFSET(NgwAttempt, first), 'x' },
	{ "count", G_STRUCT_OFFSET(NgwAttempt, count), 't' },
	{ "pid", G_STRUCT_OFFSET(NgwAttempt, pid), 'u' },
	{ "uid", G_STRUCT_OFFSET(NgwAttempt, uid), 'u' },
	{ "executable", G_STRUCT_OFFSET(NgwAttempt, executable), 's' },
	{ "command", G_STRUCT_OFFSET(NgwAttempt, command), 's' },
	{ "application", G_STRUCT_OFFSET(NgwAttempt, application), 's' },
	{ "decider", G_STRUCT_OFFSET(NgwAttempt, decider), 's' },
	{ "profile", G_STRUCT_OFFSET(NgwAttempt, profile), 's' },
	{ "family", G_STRUCT_OFFSET(NgwAttempt, family), 's' },
	{ "protocol", G_STRUCT_OFFSET(NgwAttempt, protocol), 's' },
	{ "address", G_STRUCT_OFFSET(NgwAttempt, address), 's' },
	{ "port", G_STRUCT_OFFSET(NgwAttempt, port), 'u' },
	{ "class", G_STRUCT_OFFSET(NgwAttempt, class), 's' },
	{ "reason", G_STRUCT_OFFSET(NgwAttempt, reason), 's' },
	{ "text", G_STRUCT_OFFSET(NgwAttempt, text), 's' },
	{ "skipped", G_STRUCT_OFFSET(NgwAttempt, skipped), 't' },
};

static void read_field(NgwAttempt *attempt, gsize i, GVariant *value)
{
	if (*g_variant_get_type_string(value) != fields[i].type || g_variant_get_type_string(value)[1] != '\0')
		return; /* not as the interface says: as if it were not there */
	switch (fields[i].type) {
	case 's':
		G_STRUCT_MEMBER(const char *, attempt, fields[i].offset) = g_variant_get_string(value, NULL);
		break;
	case 'x':
		G_STRUCT_MEMBER(gint64, attempt, fields[i].offset) = g_variant_get_int64(value);
		break;
	case 't':
		G_STRUCT_MEMBER(guint64, attempt, fields[i].offset) = g_variant_get_uint64(value);
		break;
	default:
		G_STRUCT_MEMBER(guint, attempt, fields[i].offset) = g_variant_get_uint32(value);
		break;
	}
}

void ngw_attempt_read(GVariant *dict, NgwAttempt *ret_attempt)
{
	NgwAttempt attempt = { "",          "",
			       "",          "",
			       "",          "",
			       "",          .command = "",
			       .class = "", .profile = "",
			       .text = "",  .verdict = NGW_VERDICT_BLOCKED };
	GVariantIter iter;
	const char *key;
	GVariant *value;

	g_variant_iter_init(&iter, dict);
	while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
		if (g_str_equal(key, "call") && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
			attempt.direction = direction_of(g_variant_get_string(value, NULL));
		else if (g_str_equal(key, "verdict") && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
			attempt.verdict = verdict_of(g_variant_get_string(value, NULL));
		for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
			if (g_str_equal(key, fields[i].key)) {
				read_field(&attempt, i, value);
				break;
			}
		}
		g_variant_unref(value); /* the dictionary holds it, and its strings */
	}
	/* Who reaches us does so from a new port each time. */
	if (attempt.direction == NGW_DIRECTION_FROM)
		attempt.port = 0;
	attempt.count = MAX(attempt.count, 1);
	attempt.first = attempt.first > 0 ? attempt.first : attempt.last;
	*ret_attempt = attempt;
}

guint ngw_attempt_hash(gconstpointer data)
{
	const NgwAttempt *a = data;
	guint hash = g_str_hash(*a->application ? a->application : a->executable);

	hash = hash * 31 + g_str_hash(a->address);
	hash = hash * 31 + g_str_hash(a->reason);
	hash = hash * 31 + a->port;
	hash = hash * 31 + a->uid;
	return hash * 31 + a->direction * 4 + a->verdict;
}

gboolean ngw_attempt_alike(gconstpointer one, gconstpointer other)
{
	const NgwAttempt *a = one, *b = other;

	return a->port == b->port && a->uid == b->uid && a->direction == b->direction && a->verdict == b->verdict &&
	       g_str_equal(a->application, b->application) && g_str_equal(a->decider, b->decider) &&
	       (*a->application || g_str_equal(a->executable, b->executable)) && g_str_equal(a->address, b->address) &&
	       g_str_equal(a->protocol, b->protocol) && g_str_equal(a->family, b->family) &&
	       g_str_equal(a->reason, b->reason);
}

static void text_replace(const char **text, const char *new)
{
	char *old = (char *)*text;

	if (g_str_equal(old, new))
		return;
	*text = g_strdup(new);
	g_free(old);
}

void ngw_activity_group_add(NgwActivityGroup *self, const NgwAttempt *attempt)
{
	NgwAttempt *own = &self->attempt;

	own->count = own->count > G_MAXUINT64 - attempt->count ? G_MAXUINT64 : own->count + attempt->count;
	own->first = MIN(own->first, attempt->first);
	if (attempt->last < own->last)
		return;
	own->last = attempt->last;
	own->pid = attempt->pid;
	text_replace(&own->executable, attempt->executable);
	text_replace(&own->command, attempt->command);
	text_replace(&own->class, attempt->class);
	text_replace(&own->profile, attempt->profile);
	text_replace(&own->text, attempt->text);
}

void ngw_activity_group_emit_changed(NgwActivityGroup *self)
{
	g_signal_emit(self, signal_changed, 0);
}

const NgwAttempt *ngw_activity_group_attempt(NgwActivityGroup *self)
{
	return &self->attempt;
}

const char *ngw_activity_group_search_text(NgwActivityGroup *self)
{
	return self->search_text;
}

/* Each string of an attempt, by its place. */
static const gsize strings[] = {
	G_STRUCT_OFFSET(NgwAttempt, application), G_STRUCT_OFFSET(NgwAttempt, decider),
	G_STRUCT_OFFSET(NgwAttempt, executable),  G_STRUCT_OFFSET(NgwAttempt, protocol),
	G_STRUCT_OFFSET(NgwAttempt, family),      G_STRUCT_OFFSET(NgwAttempt, address),
	G_STRUCT_OFFSET(NgwAttempt, reason),      G_STRUCT_OFFSET(NgwAttempt, command),
	G_STRUCT_OFFSET(NgwAttempt, class),       G_STRUCT_OFFSET(NgwAttempt, profile),
	G_STRUCT_OFFSET(NgwAttempt, text),
};

static void ngw_activity_group_finalize(GObject *object)
{
	NgwActivityGroup *self = NGW_ACTIVITY_GROUP(object);

	for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
		g_free(G_STRUCT_MEMBER(char *, &self->attempt, strings[i]));
	g_free(self->search_text);
	G_OBJECT_CLASS(ngw_activity_group_parent_class)->finalize(object);
}

static void ngw_activity_group_class_init(NgwActivityGroupClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_activity_group_finalize;
	signal_changed = g_signal_new("changed", NGW_TYPE_ACTIVITY_GROUP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
				      G_TYPE_NONE, 0);
}

static void ngw_activity_group_init(NgwActivityGroup *self)
{
}

NgwActivityGroup *ngw_activity_group_new(const NgwAttempt *attempt)
{
	NgwActivityGroup *self = g_object_new(NGW_TYPE_ACTIVITY_GROUP, NULL);
	g_autofree char *all = NULL;

	self->attempt = *attempt;
	for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
		G_STRUCT_MEMBER(char *, &self->attempt, strings[i]) =
			g_utf8_make_valid(G_STRUCT_MEMBER(const char *, attempt, strings[i]), -1);
	all = g_strdup_printf("%s\n%s\n%s\n%s\n%s:%u/%s\n%s", attempt->application, attempt->decider,
			      attempt->executable, attempt->command, attempt->address, attempt->port, attempt->protocol,
			      attempt->text);
	self->search_text = g_utf8_casefold(all, -1);
	return self;
}
