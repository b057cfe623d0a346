/* SPDX-License-Identifier: MIT */
/*
 * The log's descriptor (see record-internal.h). No verdict waits for it: a pipe is opened nonblocking and what its
 * reader does not take is kept for later; so is what a full disk does not take, and when the limit is reached, whole
 * lines are lost and counted. A line that was begun is finished before another begins. Runs in the supervisor.
 */
#include "run/record-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLLED_BYTES 4096 /* PIPE_BUF: what a pipe that polls writable takes without blocking, pipe(7) */

/* Standard error, on a description of our own where that can be had: O_NONBLOCK on the shared one would change it for
 * the command and for our parent too. */
static int open_stderr(struct ng_log *log)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		return fd;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	log->must_poll = true;
	return fd < 0 ? -errno : fd;
}

int ng_log_open(struct ng_log *log, const char *path, char error[static NG_RUN_ERROR_MAX])
{
	struct stat st;

	*log = (struct ng_log){ .fd = -1 };
	if (!path)
		return 0;
	if (strcmp(path, "-") == 0)
		log->fd = open_stderr(log);
	else
		log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);
	if (log->fd < 0) {
		const int r = strcmp(path, "-") == 0 ? log->fd : -errno;

		log->fd = -1;
		return ng_run_say(error, r, "--log \"%s\": %s. %s", path, strerror(-r),
				  r == -ENXIO ? "Start what reads the pipe first."
					      : "Give a file in a folder that you may write to.");
	}
	if (fstat(log->fd, &st) == 0) {
		log->is_file = S_ISREG(st.st_mode);
		log->is_socket = S_ISSOCK(st.st_mode);
	}
	return 0;
}

/* One write that does not wait. Bytes, or negative errno. */
static ssize_t log_write_once(struct ng_log *log, const char *data, size_t length)
{
	struct pollfd pollfd = { .fd = log->fd, .events = POLLOUT };
	ssize_t n;

	if (log->is_socket) {
		n = send(log->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		return n < 0 ? -errno : n;
	}
	if (log->must_poll) {
		if (poll(&pollfd, 1, 0) != 1)
			return -EAGAIN;
		length = length < POLLED_BYTES ? length : POLLED_BYTES;
	}
	n = write(log->fd, data, length);
	return n < 0 ? -errno : n;
}

/* The same without the signal of a pipe whose reader is gone; a file never sends it. */
static ssize_t log_write_quietly(struct ng_log *log, const char *data, size_t length)
{
	const struct timespec now = { 0 };
	sigset_t pipe_set, pending, before;
	bool was_pending;
	ssize_t n;

	if (log->is_file)
		return log_write_once(log, data, length);
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
	sigprocmask(SIG_BLOCK, &pipe_set, &before);
	n = log_write_once(log, data, length);
	if (n == -EPIPE && !was_pending)
		sigtimedwait(&pipe_set, NULL, &now);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return n;
}

/* As much as is taken now. */
static size_t log_write_all(struct ng_log *log, const char *data, size_t length)
{
	size_t at = 0;

	while (at < length) {
		ssize_t n = log_write_quietly(log, data + at, length - at);

		if (n == -EINTR)
			continue;
		if (n <= 0) {
			log->error = n < 0 ? (int)n : -EIO;
			break;
		}
		at += (size_t)n;
	}
	return at;
}

static bool log_keep(struct ng_log *log, const char *data, size_t length)
{
	size_t size = log->size ? log->size : 4096;
	char *pending;

	if (length > NG_LOG_PENDING_MAX - log->length)
		return false;
	while (size < log->length + length)
		size *= 2;
	if (size > log->size) {
		pending = realloc(log->pending, size);
		if (!pending)
			return false;
		log->pending = pending;
		log->size = size;
	}
	memcpy(log->pending + log->length, data, length);
	log->length += length;
	return true;
}

void ng_log_drain(struct ng_log *log)
{
	size_t n;

	if (log->fd < 0 || log->length == 0)
		return;
	n = log_write_all(log, log->pending, log->length);
	log->length -= n;
	memmove(log->pending, log->pending + n, log->length);
}

void ng_log_write(struct ng_log *log, const char *line, size_t length)
{
	size_t n = 0;

	if (log->fd < 0)
		return;
	if (log->length == 0)
		n = log_write_all(log, line, length);
	if (n < length && !log_keep(log, line + n, length - n)) {
		log->lost++;
		if (n > 0) /* a line half written: end it, so that the next begins anew */
			log_keep(log, "\n", 1);
	}
}

void ng_log_end(struct ng_log *log)
{
	struct pollfd pollfd = { .fd = log->fd, .events = POLLOUT };
	struct timespec start, now;
	long left = NG_LOG_END_MS;

	if (log->fd < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (ng_log_drain(log); log->length > 0 && left > 0 && log->error == -EAGAIN; ng_log_drain(log)) {
		poll(&pollfd, 1, (int)left);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = NG_LOG_END_MS -
		       (long)((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	for (size_t i = 0; i < log->length; i++)
		log->lost += log->pending[i] == '\n';
	log->length = 0;
}

void ng_log_done(struct ng_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->pending);
	*log = (struct ng_log){ .fd = -1 };
}
