// SPDX-License-Identifier: MIT
/* The messages between engine and enforcer: what goes in comes out, and nothing else does. */
#include "enforce/message.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int ends[2];
};

static void set_up(struct pair *pair, gconstpointer unused)
{
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair->ends), ==, 0);
}

static void tear_down(struct pair *pair, gconstpointer unused)
{
	close(pair->ends[0]);
	if (pair->ends[1] >= 0)
		close(pair->ends[1]);
}

static struct ng_message message_of(uint32_t type)
{
	return (struct ng_message){ .magic = NG_MESSAGE_MAGIC, .version = NG_MESSAGE_VERSION, .type = type, .seq = 7 };
}

static void whole(struct pair *pair, gconstpointer unused)
{
	struct ng_message sent = message_of(NG_MESSAGE_COUNTS_ARE), got;
	int fd = -1;

	sent.counts.n = 1;
	sent.counts.apps[0].app_key = 42;
	g_assert_cmpint(ng_message_send(pair->ends[0], &sent, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, 0);
	g_assert_cmpmem(&got, sizeof(got), &sent, sizeof(sent));
	g_assert_cmpint(fd, ==, -1);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EAGAIN);
}

static void with_image(struct pair *pair, gconstpointer unused)
{
	struct ng_message load = message_of(NG_MESSAGE_LOAD), got;
	int fd = -1, memory = memfd_create("image", MFD_CLOEXEC);

	g_assert_cmpint(ng_message_send(pair->ends[0], &load, memory), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, 0);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
	close(fd);
	close(memory);
}

static void descriptor_rules(struct pair *pair, gconstpointer unused)
{
	struct ng_message load = message_of(NG_MESSAGE_LOAD), status = message_of(NG_MESSAGE_STATUS), got;
	int fd = -1;

	g_assert_cmpint(ng_message_send(pair->ends[0], &load, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
	g_assert_cmpint(ng_message_send(pair->ends[0], &status, 0), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
	g_assert_cmpint(fd, ==, -1);
}

static void malformed(struct pair *pair, gconstpointer unused)
{
	struct ng_message many = message_of(NG_MESSAGE_SOCKETS_ARE), unknown = message_of(9999), got;
	int fd = -1;

	many.sockets.n = NG_SOCKETS_PER_MESSAGE + 1;
	g_assert_cmpint(ng_message_send(pair->ends[0], &many, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
	g_assert_cmpint(ng_message_send(pair->ends[0], &unknown, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
	g_assert_cmpint(send(pair->ends[0], &many, 100, 0), ==, 100);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
}

static void programs(struct pair *pair, gconstpointer unused)
{
	struct ng_message sent = message_of(NG_MESSAGE_PROGRAMS_ARE), got;
	struct ng_program *one = &sent.programs.programs[NG_PROGRAMS_PER_MESSAGE - 1];
	int fd = -1;

	sent.programs.n = NG_PROGRAMS_PER_MESSAGE;
	one->n_uids = NG_PROGRAM_UIDS;
	memset(one->path, 'x', sizeof(one->path));
	g_assert_cmpint(ng_message_send(pair->ends[0], &sent, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, 0);
	g_assert_cmpuint(strlen(got.programs.programs[NG_PROGRAMS_PER_MESSAGE - 1].path), ==, sizeof(one->path) - 1);
	one->n_uids++;
	g_assert_cmpint(ng_message_send(pair->ends[0], &sent, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
	sent.programs.n--; /* what lies past the count is not looked at */
	g_assert_cmpint(ng_message_send(pair->ends[0], &sent, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, 0);
	sent.programs.n = NG_PROGRAMS_PER_MESSAGE + 1;
	g_assert_cmpint(ng_message_send(pair->ends[0], &sent, -1), ==, 0);
	g_assert_cmpint(ng_message_receive(pair->ends[1], &got, &fd), ==, -EBADMSG);
}

static void full_and_gone(struct pair *pair, gconstpointer unused)
{
	struct ng_message event = message_of(NG_MESSAGE_EVENT), got;
	int fd = -1, r = 0;

	for (int i = 0; i < 100000 && r == 0; i++)
		r = ng_message_send(pair->ends[0], &event, -1);
	g_assert_cmpint(r, ==, -EAGAIN);
	close(pair->ends[1]);
	pair->ends[1] = -1;
	g_assert_cmpint(ng_message_send(pair->ends[0], &event, -1), ==, -EPIPE);
	r = ng_message_receive(pair->ends[0], &got, &fd);
	g_assert_cmpint(r, ==, -EPIPE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/message/what is sent is received to the byte", struct pair, NULL, set_up, whole, tear_down);
	g_test_add("/message/an image comes as a descriptor that is not inherited", struct pair, NULL, set_up,
		   with_image, tear_down);
	g_test_add("/message/a descriptor comes with LOAD and with nothing else", struct pair, NULL, set_up,
		   descriptor_rules, tear_down);
	g_test_add("/message/a wrong size, type or count is refused", struct pair, NULL, set_up, malformed, tear_down);
	g_test_add("/message/programs past their limits are refused and their paths end", struct pair, NULL, set_up,
		   programs, tear_down);
	g_test_add("/message/a reader that is stopped or gone never blocks the writer", struct pair, NULL, set_up,
		   full_and_gone, tear_down);
	return g_test_run();
}
