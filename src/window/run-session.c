/* SPDX-License-Identifier: MIT */
/* One run of a command by the launcher: see run-session.h. */
#include "window/run-session.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "window/run-attempt.h"

#define READ_BYTES 65536
#define PIPE_BYTES (1024 * 1024) /* so that the launcher need not keep what we have no time to read */
#define SAID_MAX 4096            /* bytes of output in which the launcher's own words are looked for */
#define OUTPUT_END_MS 1000       /* after the launcher's end: somebody else may hold the pipe open */

struct _NgwRunSession {
	GObject parent;
	NgwRunState state;
	GSubprocess *process;
	GCancellable *reading; /* of the output */
	GInputStream *output;
	gboolean has_exited, is_output_over;
	guint stop_timer, output_timer;
	int log_fds[2]; /* both ends are ours: it never ends by itself */
	guint log_source;
	GString *line; /* of the log, not ended yet */
	gboolean is_skipping;
	GHashTable *kinds; /* ngw_run_record_kind() -> NgwRunAttempt, borrowed */
	GListStore *attempts;
	guint n_refused; /* kinds */
	guint64 counts[NGW_VERDICT_WOULD_BLOCK + 1], unlisted;
	NgwRunRecord *start, *end;
	GString *said;
	char *why;
	NgwRunOutcome outcome;
};

static guint signal_changed, signal_output;

G_DEFINE_FINAL_TYPE(NgwRunSession, ngw_run_session, G_TYPE_OBJECT)

static void session_emit_changed(NgwRunSession *self)
{
	g_signal_emit(self, signal_changed, 0);
}

/* --- records --- */

static void session_take_attempt(NgwRunSession *self, NgwRunRecord *record)
{
	g_autofree char *kind = ngw_run_record_kind(record);
	NgwRunAttempt *known = g_hash_table_lookup(self->kinds, kind);
	const gboolean is_refused = record->verdict != NGW_VERDICT_ALLOWED;
	g_autoptr(NgwRunAttempt) attempt = NULL;

	self->counts[record->verdict] += record->count;
	if (known) {
		ngw_run_attempt_add(known, record->count);
		ngw_run_record_free(record);
		return;
	}
	if (g_hash_table_size(self->kinds) >= NGW_RUN_KINDS) {
		self->unlisted += record->count;
		ngw_run_record_free(record);
		return;
	}
	attempt = ngw_run_attempt_new(record);
	if (is_refused)
		g_list_store_insert(self->attempts, self->n_refused++, attempt);
	else
		g_list_store_append(self->attempts, attempt);
	g_hash_table_insert(self->kinds, g_steal_pointer(&kind), attempt);
}

static void session_take_line(NgwRunSession *self, const char *line, gsize length)
{
	g_autoptr(NgwRunRecord) record = ngw_run_record_parse(line, length);

	if (!record)
		return;
	switch (record->type) {
	case NGW_RUN_RECORD_START:
		if (!self->start)
			self->start = g_steal_pointer(&record);
		break;
	case NGW_RUN_RECORD_ATTEMPT:
		session_take_attempt(self, g_steal_pointer(&record));
		break;
	case NGW_RUN_RECORD_END:
		if (!self->end)
			self->end = g_steal_pointer(&record);
		break;
	}
}

void ngw_run_session_take_log(NgwRunSession *self, const char *bytes, gsize length)
{
	const char *at = bytes, *newline;

	while ((newline = memchr(at, '\n', length - (gsize)(at - bytes)))) {
		g_string_append_len(self->line, at, newline - at);
		if (!self->is_skipping)
			session_take_line(self, self->line->str, self->line->len);
		g_string_truncate(self->line, 0);
		self->is_skipping = FALSE;
		at = newline + 1;
	}
	g_string_append_len(self->line, at, (gssize)(length - (gsize)(at - bytes)));
	if (self->line->len > NGW_RUN_LINE_MAX) {
		self->is_skipping = TRUE;
		g_string_truncate(self->line, 0);
	}
	session_emit_changed(self);
}

/* What is there now. FALSE: nothing. */
static gboolean session_read_log(NgwRunSession *self)
{
	static char buffer[READ_BYTES]; /* main loop only */
	ssize_t n;

	do
		n = read(self->log_fds[0], buffer, sizeof(buffer));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return FALSE;
	ngw_run_session_take_log(self, buffer, (gsize)n);
	return TRUE;
}

static gboolean log_ready(int fd, GIOCondition condition, gpointer data)
{
	session_read_log(data);
	return G_SOURCE_CONTINUE;
}

static gboolean session_open_log(NgwRunSession *self, GError **error)
{
	if (!g_unix_open_pipe(self->log_fds, FD_CLOEXEC, error) ||
	    !g_unix_set_fd_nonblocking(self->log_fds[0], TRUE, error))
		return FALSE;
	fcntl(self->log_fds[0], F_SETPIPE_SZ, PIPE_BYTES); /* what the machine does not give is no fault */
	self->log_source = g_unix_fd_add_full(G_PRIORITY_LOW, self->log_fds[0], G_IO_IN, log_ready, self, NULL);
	return TRUE;
}

static void session_close_log(NgwRunSession *self)
{
	g_clear_handle_id(&self->log_source, g_source_remove);
	for (gsize i = 0; i < G_N_ELEMENTS(self->log_fds); i++) {
		if (self->log_fds[i] >= 0)
			close(self->log_fds[i]);
		self->log_fds[i] = -1;
	}
}

/* --- the end --- */

/* The last thing the launcher said: only where nothing else can have said it. */
static char *launcher_words(NgwRunSession *self)
{
	static const char mark[] = "netguard run: ";
	g_auto(GStrv) lines = g_strsplit(self->said->str, "\n", -1);
	char *words = NULL;

	for (guint i = 0; lines[i]; i++) {
		if (!*lines[i])
			continue;
		g_free(words);
		words = ngw_run_plain(g_str_has_prefix(lines[i], mark) ? lines[i] + strlen(mark) : lines[i]);
	}
	return words ? words : g_strdup("");
}

static void session_finish(NgwRunSession *self)
{
	GApplication *application = g_application_get_default();

	g_clear_handle_id(&self->stop_timer, g_source_remove);
	g_clear_handle_id(&self->output_timer, g_source_remove);
	while (session_read_log(self))
		continue;
	session_close_log(self);
	self->why = self->start ? g_strdup("") : launcher_words(self);
	self->outcome.start = self->start;
	self->outcome.end = self->end;
	self->outcome.said = self->why;
	self->outcome.was_stopped = self->state == NGW_RUN_STATE_STOPPING;
	if (g_subprocess_get_if_signaled(self->process))
		self->outcome.signal = g_subprocess_get_term_sig(self->process);
	else
		self->outcome.status = g_subprocess_get_exit_status(self->process);
	self->state = NGW_RUN_STATE_ENDED;
	session_emit_changed(self);
	if (application)
		g_application_release(application);
}

static void session_check_end(NgwRunSession *self)
{
	if (self->has_exited && self->is_output_over && self->state != NGW_RUN_STATE_ENDED)
		session_finish(self);
}

static gboolean output_late(gpointer data)
{
	NgwRunSession *self = data;

	self->output_timer = 0;
	g_cancellable_cancel(self->reading);
	return G_SOURCE_REMOVE;
}

static void process_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwRunSession) self = data;

	g_subprocess_wait_finish(G_SUBPROCESS(source), result, NULL);
	self->has_exited = TRUE;
	if (!self->is_output_over)
		self->output_timer = g_timeout_add(OUTPUT_END_MS, output_late, self);
	session_check_end(self);
}

/* --- output --- */

static void session_read_output(NgwRunSession *self);

static void output_read(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwRunSession) self = data;
	g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish(G_INPUT_STREAM(source), result, NULL);
	gsize length = 0;
	const char *text = bytes ? g_bytes_get_data(bytes, &length) : NULL;

	if (length == 0) {
		self->is_output_over = TRUE;
		session_check_end(self);
		return;
	}
	if (!self->start) {
		g_string_append_len(self->said, text, (gssize)length);
		if (self->said->len > SAID_MAX)
			g_string_erase(self->said, 0, (gssize)(self->said->len - SAID_MAX));
	}
	g_signal_emit(self, signal_output, 0, text, (guint)length);
	session_read_output(self);
}

/* After drawing and input: a command that prints without end is slowed down, not the window. */
static void session_read_output(NgwRunSession *self)
{
	g_input_stream_read_bytes_async(self->output, READ_BYTES, G_PRIORITY_LOW, self->reading, output_read,
					g_object_ref(self));
}

/* --- the start --- */

/* Between fork and exec: a process group of its own, so that a terminal's keys are not for it, and the end with ours.
 */
static void in_child(gpointer data)
{
	const pid_t parent = *(const pid_t *)data;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(125);
}

static char *find_launcher(GError **error)
{
	const char *given = g_getenv("NETGUARD_COMMAND"); /* of a build tree, or a test's */
	char *found = g_find_program_in_path(given && *given ? given : "netguard");

	if (!found)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
			    _("The command netguard was not found, so nothing was run. Install it, then try again."));
	return found;
}

static GStrv command_line(NgwRunSession *self, const NgwRunWish *wish, const char *launcher)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	g_autofree char *profile = g_strconcat("--", ngw_profile_word(wish->profile), NULL);
	g_autofree char *log = g_strdup_printf("/proc/%d/fd/%d", (int)getpid(), self->log_fds[1]);

	g_strv_builder_add_many(words, launcher, "run", profile, NULL);
	g_strv_builder_addv(words, (const char **)wish->flags);
	g_strv_builder_add_many(words, "--log", log, "--", NULL);
	g_strv_builder_addv(words, (const char **)wish->command);
	return g_strv_builder_end(words);
}

gboolean ngw_run_session_start(NgwRunSession *self, const NgwRunWish *wish, GError **error)
{
	g_autofree char *launcher = find_launcher(error);
	g_autoptr(GSubprocessLauncher) spawner = NULL;
	g_auto(GStrv) words = NULL;
	GApplication *application = g_application_get_default();
	pid_t self_pid = getpid();

	g_return_val_if_fail(self->state == NGW_RUN_STATE_NEW, FALSE);
	if (!launcher || !session_open_log(self, error))
		return FALSE;
	words = command_line(self, wish, launcher);
	spawner = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
	g_subprocess_launcher_set_cwd(spawner, wish->folder);
	g_subprocess_launcher_set_child_setup(spawner, in_child, &self_pid, NULL);
	self->process = g_subprocess_launcher_spawnv(spawner, (const char *const *)words, error);
	if (!self->process) {
		session_close_log(self);
		return FALSE;
	}
	self->output = g_object_ref(g_subprocess_get_stdout_pipe(self->process));
	self->state = NGW_RUN_STATE_RUNNING;
	if (application) /* the window may be closed meanwhile: stay until it has ended */
		g_application_hold(application);
	g_subprocess_wait_async(self->process, NULL, process_ended, g_object_ref(self));
	session_read_output(self);
	session_emit_changed(self);
	return TRUE;
}

static gboolean stop_late(gpointer data)
{
	NgwRunSession *self = data;

	self->stop_timer = 0;
	g_subprocess_send_signal(self->process, SIGKILL);
	return G_SOURCE_REMOVE;
}

void ngw_run_session_stop(NgwRunSession *self)
{
	if (self->state == NGW_RUN_STATE_STOPPING) {
		g_subprocess_send_signal(self->process, SIGKILL);
		return;
	}
	if (self->state != NGW_RUN_STATE_RUNNING)
		return;
	self->state = NGW_RUN_STATE_STOPPING;
	g_subprocess_send_signal(self->process, SIGTERM);
	self->stop_timer = g_timeout_add_seconds(NGW_RUN_STOP_S, stop_late, self);
	session_emit_changed(self);
}

/* --- what is known --- */

NgwRunState ngw_run_session_state(NgwRunSession *self)
{
	return self->state;
}

GListModel *ngw_run_session_attempts(NgwRunSession *self)
{
	return G_LIST_MODEL(self->attempts);
}

guint64 ngw_run_session_count(NgwRunSession *self, NgwVerdict verdict)
{
	return self->counts[verdict];
}

guint64 ngw_run_session_unlisted(NgwRunSession *self)
{
	return self->unlisted;
}

const NgwRunRecord *ngw_run_session_start_record(NgwRunSession *self)
{
	return self->start;
}

const NgwRunOutcome *ngw_run_session_outcome(NgwRunSession *self)
{
	return &self->outcome;
}

/* --- life --- */

static void ngw_run_session_finalize(GObject *object)
{
	NgwRunSession *self = NGW_RUN_SESSION(object);

	session_close_log(self);
	g_clear_object(&self->output);
	g_clear_object(&self->reading);
	g_clear_object(&self->process);
	g_string_free(self->line, TRUE);
	g_string_free(self->said, TRUE);
	g_hash_table_unref(self->kinds);
	g_object_unref(self->attempts);
	g_clear_pointer(&self->start, ngw_run_record_free);
	g_clear_pointer(&self->end, ngw_run_record_free);
	g_free(self->why);
	G_OBJECT_CLASS(ngw_run_session_parent_class)->finalize(object);
}

static void ngw_run_session_class_init(NgwRunSessionClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_run_session_finalize;
	signal_changed =
		g_signal_new("changed", NGW_TYPE_RUN_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
	signal_output = g_signal_new("output", NGW_TYPE_RUN_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
				     G_TYPE_NONE, 2, G_TYPE_POINTER, G_TYPE_UINT);
}

static void ngw_run_session_init(NgwRunSession *self)
{
	self->log_fds[0] = self->log_fds[1] = -1;
	self->reading = g_cancellable_new();
	self->line = g_string_new(NULL);
	self->said = g_string_new(NULL);
	self->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->attempts = g_list_store_new(NGW_TYPE_RUN_ATTEMPT);
}

NgwRunSession *ngw_run_session_new(void)
{
	return g_object_new(NGW_TYPE_RUN_SESSION, NULL);
}
