/* SPDX-License-Identifier: MIT */
/*
 * Asking (see ask.h). The terminal is put into a state in which keys are read one by one and Ctrl-C is one of them, so
 * that there is no moment in which a signal could end us and leave it silent.
 */
#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

#define AGENT "pkttyagent"
#define AGENT_WAIT_MS 5000 /* until it has registered */
#define AGENT_FD 3         /* where it says so */

static GPid agent;

gboolean ng_ask_is_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

void ng_secret_free(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

/* FALSE: broken off. */
static gboolean read_keys(char *text)
{
	gsize length = 0;
	char key;

	while (read(STDIN_FILENO, &key, 1) == 1) {
		if (key == '\n' || key == '\r')
			return TRUE;
		if (key == CTRL('c') || key == CTRL('\\') || (key == CTRL('d') && length == 0))
			return FALSE;
		if (key == CTRL('u')) {
			explicit_bzero(text, length);
			length = 0;
		} else if (key == 0x7f || key == '\b') {
			/* A whole character of UTF-8. */
			while (length > 0 && (text[--length] & 0xc0) == 0x80)
				text[length] = '\0';
			text[length] = '\0';
		} else if (length < NG_ASK_MAX && key != CTRL('d')) {
			text[length++] = key;
		}
	}
	return FALSE;
}

char *ng_ask_passphrase(const char *prompt, GError **error)
{
	struct termios before, silent;
	sigset_t blocked, mask;
	g_autoptr(NgSecret) text = NULL;
	gboolean is_read;

	if (tcgetattr(STDIN_FILENO, &before) < 0) {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "the terminal cannot be asked: %s",
			    g_strerror(errno));
		return NULL;
	}
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &mask);
	silent = before;
	silent.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG);
	text = g_malloc0(NG_ASK_MAX + 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fputs(prompt, stderr);
	fflush(stderr);
	is_read = read_keys(text);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (!is_read) {
		explicit_bzero(text, NG_ASK_MAX);
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED,
			    "broken off: nothing was changed. Try again and type the passphrase");
		return NULL;
	}
	return g_steal_pointer(&text);
}

char *ng_ask_line(FILE *stream, const char *what, GError **error)
{
	g_autoptr(NgSecret) text = g_malloc0(NG_ASK_MAX + 3);

	if (!fgets(text, NG_ASK_MAX + 3, stream) || !*text) {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED,
			    "%s is missing: there is no terminal to ask on, so give it as a line of standard input or "
			    "of --passphrase-file",
			    what);
		return NULL;
	}
	text[strcspn(text, "\r\n")] = '\0';
	return g_steal_pointer(&text);
}

/* --- polkit's text agent --- */

static void die_with_parent(gpointer data)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean has_session(void)
{
	const char *id = g_getenv("XDG_SESSION_ID");
	g_autofree char *path = id && !strchr(id, '/') ? g_build_filename("/run/systemd/sessions", id, NULL) : NULL;

	return path && g_file_test(path, G_FILE_TEST_EXISTS);
}

void ng_agent_start(void)
{
	g_autofree char *program = g_find_program_in_path(AGENT);
	g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
	g_autofree char *notify = g_strdup_printf("%d", AGENT_FD);
	/* The desktop's own agent goes first. polkit 122 takes a fallback only for somebody who has a session. */
	const char *argv[] = { program, "--process", pid, "--notify-fd", notify, has_session() ? "--fallback" : NULL,
			       NULL };
	const int target = AGENT_FD;
	struct pollfd registered = { .events = POLLIN };
	int fds[2];
	gboolean is_started;

	if (agent || !program || pipe2(fds, O_CLOEXEC) < 0)
		return;
	is_started =
		g_spawn_async_with_pipes_and_fds(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL, -1,
						 -1, -1, &fds[1], &target, 1, &agent, NULL, NULL, NULL, NULL);
	close(fds[1]);
	registered.fd = fds[0];
	if (is_started) /* it closes the other end when it has */
		while (poll(&registered, 1, AGENT_WAIT_MS) < 0 && errno == EINTR)
			;
	close(fds[0]);
}

void ng_agent_stop(void)
{
	if (!agent)
		return;
	kill(agent, SIGTERM);
	waitpid(agent, NULL, 0);
	g_spawn_close_pid(agent);
	agent = 0;
}
