/* SPDX-License-Identifier: MIT */
/*
 * One question to the name servers (see ask.h). A try is a datagram and, where that did not do, a TCP connection to the
 * same server; when it fails or its time is over the next server has its turn.
 */
#include "run/ask.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "base/cleanup.h"

static void ask_close(struct ng_ask *ask)
{
	if (ask->fd >= 0)
		close(ask->fd); /* and out of the epoll with it */
	ask->fd = -1;
	free(ask->stream);
	ask->stream = NULL;
}

/* A new id and new case for each try: what was guessed for one is worth nothing for the next. */
static int ask_scramble(struct ng_ask *ask)
{
	uint8_t random[2 + NG_NAME_MAX / 8 + 1];

	if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
		return -EAGAIN;
	memcpy(&ask->id, random, sizeof ask->id);
	for (unsigned i = 0; ask->name[i]; i++) {
		const char c = ask->name[i];
		const bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
		const bool is_wanted = !ask->has_plain_case && (random[2 + i / 8] >> (i % 8) & 1);

		if ((is_upper && !is_wanted) || (is_lower && is_wanted))
			ask->name[i] ^= 0x20;
	}
	return 0;
}

static int ask_open(struct ng_ask *ask, int type, uint32_t events)
{
	const struct sockaddr_storage *server = &ask->servers[(ask->tries - 1) % ask->n_servers];
	const socklen_t length =
		server->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	struct epoll_event event = { .events = events, .data.u64 = ask->key };
	ng_auto_fd fd = socket(server->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)server, length) < 0 && errno != EINPROGRESS)
		return -errno;
	if (epoll_ctl(ask->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	ask->fd = ng_steal_fd(&fd);
	return 0;
}

static int ask_udp(struct ng_ask *ask)
{
	uint8_t message[NG_DNS_UDP_MIN];
	int length, result = ask_scramble(ask);

	ask->is_tcp = false;
	ask->strays = 0;
	if (result < 0)
		return result;
	length = ng_dns_query_write(ask->id, ask->name, ask->type, message);
	if (length < 0)
		return length;
	result = ask_open(ask, SOCK_DGRAM, EPOLLIN);
	if (result < 0)
		return result;
	return send(ask->fd, message, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length ? 0 : -EIO;
}

/* The next try that can be begun. */
static int ask_next(struct ng_ask *ask, int64_t now_ms)
{
	const unsigned most = ask->n_servers > NG_ASK_TRIES ? ask->n_servers : NG_ASK_TRIES;

	if (ask->is_tcp && ask->has_lost_case)
		ask->has_plain_case = true;
	for (;;) {
		ask_close(ask);
		if (ask->tries == most)
			return -EHOSTUNREACH;
		ask->tries++;
		ask->deadline_ms = now_ms + NG_ASK_TRY_MS;
		if (ask_udp(ask) == 0)
			return 0;
	}
}

static int ask_tcp(struct ng_ask *ask, int64_t now_ms)
{
	int length;

	ask_close(ask);
	ask->is_tcp = true;
	ask->is_sent = false;
	ask->stream_at = 0;
	ask->deadline_ms = now_ms + NG_ASK_TRY_MS;
	ask->stream = malloc(2 + NG_DNS_UDP_MIN);
	if (!ask->stream || ask_scramble(ask) < 0 || ask_open(ask, SOCK_STREAM, EPOLLOUT) < 0)
		return ask_next(ask, now_ms);
	length = ng_dns_query_write(ask->id, ask->name, ask->type, ask->stream + 2);
	if (length < 0)
		return ask_next(ask, now_ms);
	ask->stream[0] = (uint8_t)(length >> 8);
	ask->stream[1] = (uint8_t)length;
	ask->stream_length = 2 + (size_t)length;
	return 0;
}

/* What came, over either. 1: the answer; 0: it was none, or something else was begun; negative: nobody is left. */
static int ask_take(struct ng_ask *ask, const uint8_t *message, size_t length, int64_t now_ms,
		    struct ng_dns_answer *ret_answer)
{
	const int result = ng_dns_answer_read(message, length, ask->id, ask->name, ask->type, ret_answer);

	if (result == -EBADMSG && !ask->is_tcp && ++ask->strays < NG_ASK_STRAY_MAX)
		return 0;
	if (result == -EBADMSG && !ask->is_tcp)
		return ask_tcp(ask, now_ms);
	if (result < 0)
		return ask_next(ask, now_ms);
	if (!ask->is_tcp && (ret_answer->is_cut || ret_answer->is_case_lost)) {
		ask->has_lost_case = ask->has_lost_case || ret_answer->is_case_lost;
		return ask_tcp(ask, now_ms);
	}
	if (ret_answer->is_cut || (ret_answer->rcode != NG_DNS_NOERROR && ret_answer->rcode != NG_DNS_NXDOMAIN))
		return ask_next(ask, now_ms);
	return 1;
}

static int ask_work_udp(struct ng_ask *ask, int64_t now_ms, struct ng_dns_answer *ret_answer)
{
	const unsigned tries = ask->tries;
	uint8_t message[NG_DNS_MESSAGE_MAX];
	int result = 0;

	while (result == 0 && ask->tries == tries && !ask->is_tcp) {
		const ssize_t n = recv(ask->fd, message, sizeof message, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		result = n < 0 ? ask_next(ask, now_ms) : ask_take(ask, message, (size_t)n, now_ms, ret_answer);
	}
	return result;
}

/* 1: all of it was sent. */
static int ask_stream_send(struct ng_ask *ask)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = ask->key };
	const ssize_t n = send(ask->fd, ask->stream + ask->stream_at, ask->stream_length - ask->stream_at,
			       MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	ask->stream_at += (size_t)n;
	if (ask->stream_at < ask->stream_length)
		return 0;
	ask->is_sent = true;
	ask->stream_at = 0;
	ask->stream_length = 2;
	return epoll_ctl(ask->epoll_fd, EPOLL_CTL_MOD, ask->fd, &event) < 0 ? -errno : 1;
}

/* 1: the whole answer is there. */
static int ask_stream_receive(struct ng_ask *ask)
{
	while (ask->stream_at < ask->stream_length) {
		const ssize_t n =
			recv(ask->fd, ask->stream + ask->stream_at, ask->stream_length - ask->stream_at, MSG_DONTWAIT);

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
		ask->stream_at += (size_t)n;
		if (ask->stream_at == 2 && ask->stream_length == 2) {
			const size_t length = (size_t)ask->stream[0] << 8 | ask->stream[1];
			uint8_t *stream;

			if (length < NG_DNS_HEADER || length > NG_ASK_ANSWER_MAX)
				return -EMSGSIZE;
			stream = realloc(ask->stream, 2 + length);
			if (!stream)
				return -ENOMEM;
			ask->stream = stream;
			ask->stream_length = 2 + length;
		}
	}
	return 1;
}

static int ask_work_tcp(struct ng_ask *ask, int64_t now_ms, struct ng_dns_answer *ret_answer)
{
	int result = ask->is_sent ? 1 : ask_stream_send(ask);

	if (result == 1)
		result = ask_stream_receive(ask);
	if (result < 0)
		return ask_next(ask, now_ms);
	if (result == 0)
		return 0;
	return ask_take(ask, ask->stream + 2, ask->stream_length - 2, now_ms, ret_answer);
}

int ng_ask_start(struct ng_ask *ask, int epoll_fd, uint64_t key, const struct sockaddr_storage *servers,
		 unsigned n_servers, const char *name, uint16_t type, int64_t now_ms)
{
	*ask = (struct ng_ask){ .fd = -1, .epoll_fd = epoll_fd, .key = key, .type = type };
	for (unsigned i = 0; i < n_servers && i < NG_NAMES_SERVERS; i++)
		ask->servers[ask->n_servers++] = servers[i];
	if (ask->n_servers == 0 || !ng_name_normal(name, ask->name))
		return -EHOSTUNREACH;
	return ask_next(ask, now_ms);
}

int ng_ask_work(struct ng_ask *ask, int64_t now_ms, struct ng_dns_answer *ret_answer)
{
	int result = 0;

	if (ask->fd >= 0)
		result = ask->is_tcp ? ask_work_tcp(ask, now_ms, ret_answer) : ask_work_udp(ask, now_ms, ret_answer);
	if (result == 0 && (ask->fd < 0 || now_ms >= ask->deadline_ms))
		result = ask_next(ask, now_ms);
	return result;
}

void ng_ask_done(struct ng_ask *ask)
{
	ask_close(ask);
}
