/* SPDX-License-Identifier: MIT */
/*
 * The record: lines are JSON whatever the bytes, words are the guard's, repeats are counted, nothing waits for a
 * reader, what is lost is counted, and the flags that --learn writes allow what was used and no more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile/compile.h"
#include "run/record-internal.h"

static char *folder;
static char error[NG_RUN_ERROR_MAX];

static char *in_folder(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static struct ng_run_options parse(const char *line)
{
	static char **argv;
	struct ng_run_options options;
	int argc;

	g_strfreev(argv);
	g_assert_true(g_shell_parse_argv(line, &argc, &argv, NULL));
	if (ng_run_options_parse(argc, argv, &options, error) < 0)
		g_error("%s: %s", line, error);
	return options;
}

static struct ng_attempt attempt_to(const char *address, guint16 port, guint8 proto)
{
	struct ng_attempt attempt = { .pid = 7,
				      .uid = 1000,
				      .exe = "/usr/bin/curl",
				      .call = "connect",
				      .reason = NG_REASON_OFFLINE,
				      .class = NG_CLASS_GLOBAL,
				      .error = ENETUNREACH };

	attempt.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (attempt.family == AF_INET6) {
		g_assert_cmpint(inet_pton(AF_INET6, address, attempt.flow.addr), ==, 1);
	} else {
		attempt.flow.addr[10] = attempt.flow.addr[11] = 0xff;
		g_assert_cmpint(inet_pton(AF_INET, address, attempt.flow.addr + 12), ==, 1);
	}
	attempt.flow.port = port;
	attempt.flow.proto = proto;
	return attempt;
}

static struct ng_attempt unix_attempt(const char *path)
{
	return (struct ng_attempt){ .pid = 7,
				    .exe = "/bin/x",
				    .call = "connect",
				    .family = AF_UNIX,
				    .path = path,
				    .reason = NG_REASON_OFFLINE,
				    .error = EACCES };
}

/* The lines of a log, each an object. */
static GPtrArray *lines_of(const char *path)
{
	GPtrArray *nodes = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_true(g_utf8_validate(text, -1, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line && **line; line++) {
		g_autoptr(GError) local = NULL;
		JsonNode *node = json_from_string(*line, &local);

		if (!node)
			g_error("%s: %s", local->message, *line);
		g_ptr_array_add(nodes, node);
	}
	return nodes;
}

static const char *text_in(GPtrArray *lines, guint i, const char *key)
{
	g_assert_cmpuint(i, <, lines->len);
	return json_object_get_string_member(json_node_get_object(lines->pdata[i]), key);
}

static gint64 number_in(GPtrArray *lines, guint i, const char *key)
{
	g_assert_cmpuint(i, <, lines->len);
	return json_object_get_int_member(json_node_get_object(lines->pdata[i]), key);
}

static struct ng_record *open_record(const struct ng_run_options *options)
{
	struct ng_record *record = NULL;

	if (ng_record_open(options, &record, error) < 0)
		g_error("%s", error);
	return record;
}

static void test_lines(void)
{
	g_autofree char *path = in_folder("lines.json");
	g_autofree char *line = g_strdup_printf(
		"run --local --allow 192.0.2.0/24:443/tcp --allow loopback --allow *.example.org --publish 80 --log %s "
		"-- make 'a\"b' -j",
		path);
	struct ng_run_options options = parse(line);
	struct ng_record *record = open_record(&options);
	struct ng_attempt denied = attempt_to("203.0.113.10", 443, IPPROTO_TCP), foreseen = denied, allowed = denied;
	g_autoptr(GPtrArray) lines = NULL;

	ng_record_start(record, 'B', "no \"user\" namespaces");
	denied.reason = NG_REASON_NOT_LOCAL;
	ng_record_attempt(record, &denied);
	foreseen.is_allowed = foreseen.is_foreseen = true;
	ng_record_attempt(record, &foreseen);
	allowed.is_allowed = true;
	allowed.reason = NG_REASON_ALLOWANCE;
	allowed.error = 0;
	allowed.name = "www.example.org";
	ng_record_attempt(record, &allowed);
	ng_record_end(record, 3);
	ng_record_close(record);
	lines = lines_of(path);
	g_assert_cmpuint(lines->len, ==, 5);
	g_assert_cmpstr(text_in(lines, 0, "type"), ==, "start");
	g_assert_cmpstr(text_in(lines, 0, "rung"), ==, "B");
	g_assert_cmpstr(text_in(lines, 0, "why"), ==, "no \"user\" namespaces");
	g_assert_cmpstr(text_in(lines, 0, "profile"), ==, "local");
	g_assert_cmpstr(json_array_get_string_element(
				json_object_get_array_member(json_node_get_object(lines->pdata[0]), "command"), 1),
			==, "a\"b");
	g_assert_cmpuint(
		json_array_get_length(json_object_get_array_member(json_node_get_object(lines->pdata[0]), "allow")), ==,
		3);
	g_assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$",
					   text_in(lines, 1, "time"), 0, 0));
	g_assert_cmpstr(text_in(lines, 1, "source"), ==, "run");
	g_assert_cmpstr(text_in(lines, 1, "verdict"), ==, "denied");
	g_assert_cmpstr(text_in(lines, 1, "reason"), ==, "not-local");
	g_assert_cmpstr(text_in(lines, 1, "text"), ==,
			"denied: the profile is Local and the address is on the Internet");
	g_assert_cmpstr(text_in(lines, 1, "errno"), ==, "ENETUNREACH");
	g_assert_cmpstr(text_in(lines, 1, "tip"), ==, "--allow 203.0.113.10:443/tcp");
	g_assert_cmpstr(text_in(lines, 1, "family"), ==, "ipv4");
	g_assert_cmpstr(text_in(lines, 1, "class"), ==, "global");
	g_assert_cmpint(number_in(lines, 1, "port"), ==, 443);
	g_assert_cmpint(number_in(lines, 1, "count"), ==, 1);
	g_assert_cmpstr(text_in(lines, 2, "verdict"), ==, "would-be-denied");
	g_assert_cmpstr(text_in(lines, 3, "verdict"), ==, "allowed");
	g_assert_cmpstr(text_in(lines, 3, "name"), ==, "www.example.org");
	g_assert_cmpstr(text_in(lines, 3, "tip"), ==, "");
	g_assert_cmpstr(text_in(lines, 3, "errno"), ==, "");
	g_assert_cmpstr(text_in(lines, 4, "type"), ==, "end");
	g_assert_cmpint(number_in(lines, 4, "exit-status"), ==, 3);
	g_assert_cmpint(number_in(lines, 4, "denied") * 100 + number_in(lines, 4, "would-be-denied") * 10 +
				number_in(lines, 4, "allowed"),
			==, 111);
	ng_run_options_done(&options);
}

static void test_any_bytes(void)
{
	static const char *const bytes[] = { "plain",
					     "\xff\xfe",
					     "\xc3\xa4",
					     "\xc3",
					     "\xc0\x80",
					     "\xed\xa0\x80",
					     "\xf4\x90\x80\x80",
					     "\xf0\x9f\x98\x80",
					     "a\nb\t\r\x01\x7f\"\\",
					     "\xe2\x80\xae reordered",
					     "\xe2\x82" };
	static const char *const wanted[] = { "plain",
					      "\xef\xbf\xbd\xef\xbf\xbd",
					      "\xc3\xa4",
					      "\xef\xbf\xbd",
					      NULL,
					      NULL,
					      NULL,
					      "\xf0\x9f\x98\x80",
					      "a\nb\t\r\x01\x7f\"\\",
					      "\xe2\x80\xae reordered",
					      NULL };

	for (gsize i = 0; i < G_N_ELEMENTS(bytes); i++) {
		struct ng_json json = { 0 }, plain = { 0 };
		g_autoptr(JsonNode) node = NULL;

		ng_json_string(&json, bytes[i]);
		node = json_from_string(json.data, NULL);
		if (!node)
			g_error("%s", json.data);
		if (wanted[i])
			g_assert_cmpstr(json_node_get_string(node), ==, wanted[i]);
		for (const char *p = json.data; *p; p++)
			g_assert_true((guchar)*p >= 0x20 && *p != 0x7f);
		g_assert_null(strstr(json.data, "\xe2\x80\xae"));
		ng_json_plain(&plain, bytes[i]);
		g_assert_true(g_utf8_validate(plain.data, -1, NULL));
		ng_json_done(&json);
		ng_json_done(&plain);
	}
}

static void test_words(void)
{
	char buffer[16];

	for (guint i = 0; i < 256; i++) {
		g_assert_cmpstr(ng_record_reason_word((guint8)i), ==, ng_reason_word((guint8)i));
		g_assert_cmpstr(ng_record_class_word((guint8)i), ==, ng_class_word((guint8)i));
		if (i > 0)
			g_assert_cmpstr(ng_record_proto_word((guint8)i, buffer), ==, ng_proto_word((guint8)i));
	}
}

static void test_repeats(void)
{
	g_autofree char *path = in_folder("repeats.json"), *line = g_strdup_printf("run --offline --log %s x", path);
	struct ng_run_options options = parse(line);
	struct ng_record *record = open_record(&options);
	struct ng_attempt attempt = attempt_to("203.0.113.10", 443, IPPROTO_TCP);
	g_autoptr(GPtrArray) lines = NULL;
	gint64 sum = 0;

	g_assert_false(ng_record_is_pending(record));
	ng_record_attempt(record, &attempt);
	g_assert_false(ng_record_is_pending(record)); /* the first is written at once */
	for (int i = 0; i < 99; i++)
		ng_record_attempt(record, &attempt);
	g_assert_true(ng_record_is_pending(record));
	ng_record_flush(record);
	g_assert_false(ng_record_is_pending(record));
	lines = lines_of(path);
	g_assert_cmpuint(lines->len, ==, 2);
	g_assert_cmpint(number_in(lines, 1, "count"), ==, 99);
	g_clear_pointer(&lines, g_ptr_array_unref);
	/* more kinds than there are places: every attempt is still written or counted, twice over */
	for (int round = 0; round < 2; round++) {
		for (guint i = 0; i < 3 * NG_RECORD_KINDS; i++) {
			attempt.flow.port = (guint16)(1000 + i);
			ng_record_attempt(record, &attempt);
		}
		g_assert_true(ng_record_is_pending(record)); /* the table is full */
		ng_record_flush(record);
		g_assert_false(ng_record_is_pending(record));
	}
	ng_record_end(record, 0);
	ng_record_close(record);
	lines = lines_of(path);
	for (guint i = 0; i + 1 < lines->len; i++)
		sum += number_in(lines, i, "count");
	g_assert_cmpint(sum, ==, 100 + 6 * NG_RECORD_KINDS);
	g_assert_cmpint(number_in(lines, lines->len - 1, "denied"), ==, sum);
	g_assert_cmpint(number_in(lines, lines->len - 1, "lost"), ==, 0);
}

static void fill_pipe(struct ng_record *record, guint count)
{
	struct ng_attempt attempt = attempt_to("203.0.113.10", 1, IPPROTO_TCP);

	for (guint i = 0; i < count; i++) {
		attempt.flow.port = (guint16)(1 + i % 60000);
		attempt.flow.addr[12] = (guint8)(i / 60000);
		ng_record_attempt(record, &attempt);
	}
}

static void test_pipe(void)
{
	g_autofree char *path = in_folder("fifo"), *line = g_strdup_printf("run --offline --log %s x", path);
	struct ng_run_options options = parse(line);
	struct ng_record *record = NULL;
	char byte[4096];
	gsize read_bytes = 0, newlines = 0;
	int reader;

	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
	g_assert_cmpint(ng_record_open(&options, &record, error), ==, -ENXIO);
	g_assert_nonnull(strstr(error, "Start what reads the pipe first"));
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	record = open_record(&options);
	fill_pipe(record, 4000); /* more than the pipe and our own memory hold; nobody reads, and this returns */
	g_assert_true(ng_record_is_pending(record));
	for (ssize_t n; (n = read(reader, byte, sizeof(byte))) > 0; read_bytes += (gsize)n)
		for (ssize_t i = 0; i < n; i++)
			newlines += byte[i] == '\n';
	g_assert_cmpuint(read_bytes, >=, 4096);
	ng_record_flush(record); /* what was kept goes on where the line was cut */
	for (ssize_t n; (n = read(reader, byte, sizeof(byte))) > 0;)
		for (ssize_t i = 0; i < n; i++)
			newlines += byte[i] == '\n';
	g_assert_cmpuint(newlines, >, 100);
	close(reader);
	ng_record_end(record, 0); /* the reader is gone: no signal ends us */
	ng_record_close(record);
}

static void test_full_disk(void)
{
	struct ng_log log = { .fd = open("/dev/full", O_WRONLY | O_CLOEXEC), .is_file = true };
	g_autofree char *line = g_strnfill(1000, 'x');

	if (log.fd < 0) {
		g_test_skip("there is no /dev/full");
		return;
	}
	line[999] = '\n';
	for (guint i = 0; i < 1000; i++)
		ng_log_write(&log, line, 1000);
	g_assert_cmpint(log.error, ==, -ENOSPC);
	g_assert_cmpuint(log.lost, ==, 1000 - NG_LOG_PENDING_MAX / 1000);
	ng_log_end(&log);
	g_assert_cmpuint(log.lost, ==, 1000);
	ng_log_done(&log);
}

static void test_open_errors(void)
{
	static const struct {
		const char *line, *said;
	} bad[] = {
		{ "run --offline --log /nowhere/log x", "--log \"/nowhere/log\": No such file" },
		{ "run --offline --learn /nowhere/f x", "--learn \"/nowhere/f\": No such file" },
		{ "run --offline --log-dir /nowhere x", "--log-dir \"/nowhere\": No such file" },
		{ "run --offline --log-dir /dev/null x", "/dev/null is no folder" },
		{ "run --offline --learn /dev/null x", "would be replaced" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ng_run_options options = parse(bad[i].line);
		struct ng_record *record = NULL;

		g_assert_cmpint(ng_record_open(&options, &record, error), <, 0);
		if (!strstr(error, bad[i].said))
			g_error("%s", error);
		g_assert_null(record);
	}
}

static void has_tip(const struct ng_run_options *options, const struct ng_attempt *attempt, const char *wanted)
{
	char tip[NG_TIP_MAX];

	ng_record_tip(options, attempt, tip);
	g_assert_cmpstr(tip, ==, wanted);
}

static void test_tips(void)
{
	struct ng_run_options options = parse("run --offline x"), local = parse("run --local x"),
			      sandbox = parse("sandbox --no-net x");
	struct ng_attempt a = attempt_to("2001:db8::1", 443, IPPROTO_TCP);

	has_tip(&options, &a, "--allow [2001:db8::1]:443/tcp");
	has_tip(&sandbox, &a, "");
	a.name = "www.example.org";
	has_tip(&options, &a, "--allow www.example.org:443/tcp");
	a.class = NG_CLASS_LAN; /* a public name may not mean an address at home */
	has_tip(&options, &a, "--allow [2001:db8::1]:443/tcp");
	has_tip(&local, &a, "--allow www.example.org:443/tcp");
	a.name = "nas.home.arpa";
	has_tip(&options, &a, "--allow nas.home.arpa:443/tcp");
	a = attempt_to("239.255.255.250", 1900, IPPROTO_UDP);
	a.class = NG_CLASS_LAN;
	has_tip(&options, &a, "--local");
	a = attempt_to("192.0.2.53", 53, IPPROTO_UDP);
	has_tip(&options, &a, ""); /* the stub answers in its place */
	a = attempt_to("192.0.2.1", 0, IPPROTO_ICMP);
	has_tip(&options, &a, "--allow 192.0.2.1/icmp");
	a = attempt_to("2001:db8::1", 5, IPPROTO_ICMPV6);
	has_tip(&options, &a, "--allow 2001:db8::1/icmp");
	a = attempt_to("127.0.0.1", 8080, IPPROTO_TCP);
	a.call = "listen";
	has_tip(&options, &a, "--publish 8080");
	a = attempt_to("0.0.0.0", 8080, IPPROTO_TCP);
	a.call = "bind";
	has_tip(&options, &a, "--publish 0.0.0.0:8080");
	a.is_allowed = true;
	has_tip(&options, &a, "");
	a = unix_attempt("/run/a b's");
	has_tip(&options, &a, "--allow-unix '/run/a b'\\''s'");
	a = unix_attempt("@abstract");
	has_tip(&options, &a, "");
	a = unix_attempt("/run/\nx");
	has_tip(&options, &a, "");
	a.call = "resolve";
	a.family = AF_INET;
	a.name = "example.org";
	has_tip(&options, &a, "--allow example.org");
	a = attempt_to("192.168.77.1", 0, 0);
	a.call = "resolve";
	a.name = "rebound.example.org";
	a.class = NG_CLASS_LAN;
	has_tip(&options, &a, "--local");
	a.call = "socket";
	a.family = AF_PACKET;
	has_tip(&options, &a, "");
}

/* The flags without comments. */
static char *flags_in(const char *path)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GString *flags = g_string_new(NULL);

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (**line && **line != '#')
			g_string_append_printf(flags, "%s|", *line);
	return g_string_free(flags, FALSE);
}

static void use(struct ng_record *record, struct ng_attempt attempt, const char *name)
{
	attempt.name = name;
	attempt.is_allowed = true;
	attempt.is_foreseen = attempt.reason != NG_REASON_ALLOWANCE;
	ng_record_attempt(record, &attempt);
}

static void test_learn(void)
{
	g_autofree char *path = in_folder("learned file"),
			*line = g_strdup_printf(
				"run --offline --allow 192.0.2.7 --allow-unix /tmp/listed --learn '%s' -- make 'a b'",
				path);
	g_autofree char *again = g_strdup_printf("run --flags '%s' -- make", path), *text = NULL, *flags = NULL;
	struct ng_run_options options = parse(line), learned;
	struct ng_record *record = open_record(&options);
	struct ng_attempt one = attempt_to("192.0.2.7", 80, IPPROTO_TCP);

	g_assert_true(g_file_set_contents(path, "old", -1, NULL));
	use(record, attempt_to("203.0.113.10", 443, IPPROTO_TCP), "www.example.org");
	use(record, attempt_to("203.0.113.11", 443, IPPROTO_TCP), "www.example.org");
	use(record, attempt_to("203.0.113.11", 443, IPPROTO_UDP), "www.example.org");
	use(record, attempt_to("203.0.113.20", 8000, IPPROTO_TCP), NULL);
	use(record, attempt_to("203.0.113.20", 8001, IPPROTO_TCP), NULL);
	use(record, attempt_to("203.0.113.20", 8003, IPPROTO_TCP), NULL);
	use(record, attempt_to("2001:db8::5", 123, IPPROTO_UDP), NULL);
	one.reason = NG_REASON_ALLOWANCE; /* given, and used */
	use(record, one, NULL);
	use(record, unix_attempt("/run/dbus/system bus"), NULL);
	one = unix_attempt("/tmp/made-inside");
	one.reason = NG_REASON_ALLOWANCE;
	use(record, one, NULL);
	one = unix_attempt("@abstract");
	use(record, one, NULL);
	one = attempt_to("0.0.0.0", 9000, IPPROTO_TCP);
	one.call = "listen";
	use(record, one, NULL);
	one.flow.port = 9001;
	one.reason = NG_REASON_ALLOWANCE; /* was published, and used */
	use(record, one, NULL);
	one.flow.port = 9002;
	one.reason = NG_REASON_NONE; /* made inside */
	one.is_allowed = true;
	ng_record_attempt(record, &one);
	one.reason = NG_REASON_OFFLINE;
	one.call = "resolve";
	one.flow = (struct ng_flow){ 0 };
	use(record, one, "www.example.org");
	use(record, one, "only-asked.example");
	ng_record_end(record, 0);
	ng_record_close(record);
	flags = flags_in(path);
	g_assert_cmpstr(
		flags, ==,
		"--offline|--allow www.example.org:443|--allow 192.0.2.7:80/tcp|--allow 203.0.113.20:8000-8001/tcp|"
		"--allow 203.0.113.20:8003/tcp|--allow [2001:db8::5]:123/udp|--allow-unix /run/dbus/system "
		"bus|--publish 0.0.0.0:9000|--publish 0.0.0.0:9001|");
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_nonnull(strstr(text, "learned file' -- make 'a b'\n"));
	g_assert_nonnull(strstr(text, "# --allow only-asked.example\n"));
	g_assert_nonnull(strstr(text, "# no flag allows this: @abstract\n"));
	ng_run_options_done(&options);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	if (g_file_test("/run/dbus", G_FILE_TEST_IS_DIR)) {
		learned = parse(again);
		g_assert_cmpuint(learned.policy.n_names, ==, 1);
		g_assert_cmpuint(learned.policy.allows.count, ==, 4);
		g_assert_cmpuint(learned.policy.n_unix, ==, 1);
		ng_run_options_done(&learned);
	}
}

static void test_zencube(void)
{
	g_autofree char *line = g_strdup_printf("sandbox --no-net --log-dir %s curl http://x", folder), *path = NULL,
			*text = NULL;
	struct ng_run_options options = parse(line);
	struct ng_record *record = open_record(&options);
	struct ng_attempt attempt = attempt_to("203.0.113.10", 443, IPPROTO_TCP);
	g_autoptr(GDir) dir = NULL;
	g_autoptr(JsonNode) node = NULL;
	JsonObject *root, *event;
	guint found = 0;

	for (guint i = 0; i < 3; i++)
		ng_record_attempt(record, &attempt);
	ng_record_end(record, 7);
	ng_record_close(record);
	dir = g_dir_open(folder, 0, NULL);
	for (const char *name; (name = g_dir_read_name(dir));) {
		if (!g_str_has_prefix(name, "net_restrict_"))
			continue;
		g_assert_true(g_regex_match_simple("^net_restrict_\\d{8}T\\d{6}\\.\\d{6}Z\\.json$", name, 0, 0));
		path = in_folder(name);
		found++;
	}
	g_assert_cmpuint(found, ==, 1);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	node = json_from_string(text, NULL);
	g_assert_nonnull(node);
	root = json_node_get_object(node);
	g_assert_cmpstr(json_array_get_string_element(json_object_get_array_member(root, "command"), 1), ==,
			"http://x");
	g_assert_cmpint(json_object_get_int_member(root, "exit_code"), ==, 7);
	g_assert_true(json_object_has_member(root, "timestamp"));
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "events")), ==, 3);
	event = json_array_get_object_element(json_object_get_array_member(root, "events"), 0);
	g_assert_cmpstr(json_object_get_string_member(event, "api"), ==, "connect");
	g_assert_cmpstr(json_array_get_string_element(json_object_get_array_member(event, "args"), 1), ==,
			"203.0.113.10:443/tcp");
}

static void test_summary_is_short(void)
{
	if (g_test_subprocess()) {
		struct ng_run_options options = parse("run --offline --dry-run x");
		struct ng_record *record = open_record(&options);
		struct ng_attempt attempt = attempt_to("203.0.113.10", 443, IPPROTO_TCP);

		attempt.is_allowed = attempt.is_foreseen = true;
		for (guint i = 0; i < 40; i++) {
			attempt.flow.addr[15] = (guint8)(i / 2);
			ng_record_attempt(record, &attempt);
		}
		ng_record_end(record, 0);
		ng_record_close(record);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr("netguard run: 40 attempts would be refused*:\n"
				  "  203.0.113.0:443/tcp, 2 times, by curl: --allow 203.0.113.0:443/tcp\n*"
				  "  203.0.113.7:443/tcp*\n  and 12 others: --log FILE has all\n");
}

int main(int argc, char **argv)
{
	int r;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("ng-record-XXXXXX", NULL);
	g_test_add_func("/record/start, attempts and end are lines of JSON with the fields of an attempt", test_lines);
	g_test_add_func("/record/any bytes become valid JSON that is safe on a terminal", test_any_bytes);
	g_test_add_func("/record/words are those of the guard's records", test_words);
	g_test_add_func("/record/repeats are counted, and none is lost when there are too many kinds", test_repeats);
	g_test_add_func("/record/a pipe that nobody reads stops nothing", test_pipe);
	g_test_add_func("/record/a full disk loses whole lines, and they are counted", test_full_disk);
	g_test_add_func("/record/what cannot be written is told before anything starts", test_open_errors);
	g_test_add_func("/record/a tip is the flag that allows it", test_tips);
	g_test_add_func("/record/the learned flags allow what was used and no more", test_learn);
	g_test_add_func("/record/ZenCube's file has its fields", test_zencube);
	g_test_add_func("/record/the summary has ten lines at most", test_summary_is_short);
	r = g_test_run();
	if (!g_test_subprocess()) {
		g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);

		for (const char *name; dir && (name = g_dir_read_name(dir));) {
			g_autofree char *path = in_folder(name);

			g_unlink(path);
		}
	}
	g_rmdir(folder);
	return r;
}
