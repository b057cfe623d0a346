/* SPDX-License-Identifier: MIT */
/*
 * The launcher's command line (see options.h): one table for parsing, for --flags FILE and for the help. Parsing stops
 * at the first word that is no option: that is the command, and what follows is its own. Options are never abbreviated:
 * a script that says --loc would change its meaning with the next option we add.
 */
#include "run/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "run/allow.h"

#define FLAGS_FILE_LINES 1000

enum key {
	KEY_OFFLINE = 256, /* past every character, for getopt */
	KEY_LOCAL,
	KEY_ONLINE,
	KEY_ALLOW,
	KEY_ALLOW_UNIX,
	KEY_PUBLISH,
	KEY_FLAGS,
	KEY_LOG,
	KEY_LOG_DIR,
	KEY_LEARN,
	KEY_DRY_RUN,
	KEY_REQUIRE,
	KEY_BEST_EFFORT,
	KEY_KEEP_FD,
	KEY_ARGV0,
	KEY_END_AS_COMMAND,
	KEY_NETNS_ONLY,
	KEY_LOOPBACK,
	KEY_NO_NET,
	KEY_SUPERVISE,
	KEY_PROBE,
	KEY_HELP,
	KEY_VERSION,
	KEY_END,
};

#define IN_RUN 1u     /* of `netguard run` */
#define IN_SANDBOX 2u /* of `sandbox` */
#define IN_FILE 4u    /* may stand in --flags FILE: what decides, nothing that writes */
#define IS_HIDDEN 8u  /* not in the help: for other programs */

static const struct row {
	const char *name, *value; /* NULL: it takes none */
	enum key key;
	unsigned where;
	const char *help;
} rows[] = {
	{ "no-net", NULL, KEY_NO_NET, IN_SANDBOX, "Refuse the network, with EPERM" },
	{ "offline", NULL, KEY_OFFLINE, IN_RUN | IN_FILE, "It cannot use the network" },
	{ "local", NULL, KEY_LOCAL, IN_RUN | IN_FILE, "It can reach this machine and devices on your own network" },
	{ "online", NULL, KEY_ONLINE, IN_RUN | IN_FILE, "It can reach the Internet" },
	{ "allow", "HOST[:PORT][/PROTO]", KEY_ALLOW, IN_RUN | IN_FILE,
	  "Allow this too: an address, a prefix, a name, *.name; loopback, shared, cloud-metadata (repeatable)" },
	{ "allow-unix", "PATH|desktop", KEY_ALLOW_UNIX, IN_RUN | IN_FILE,
	  "Allow this socket of the machine; desktop: display and sound, through which it can see your screen "
	  "(repeatable)" },
	{ "publish", "[ADDRESS:]PORT", KEY_PUBLISH, IN_RUN | IN_FILE,
	  "Let others reach its server at this port; 127.0.0.1 unless an address is given (repeatable)" },
	{ "flags", "FILE", KEY_FLAGS, IN_RUN, "Take flags from FILE, one a line, as --learn writes them" },
	{ "log", "FILE", KEY_LOG, IN_RUN | IN_SANDBOX,
	  "Append what was attempted to FILE, as JSON Lines; - is standard error" },
	{ "log-dir", "DIR", KEY_LOG_DIR, IN_RUN | IN_SANDBOX, "Write DIR/net_restrict_TIME.json" },
	{ "learn", "FILE", KEY_LEARN, IN_RUN, "Allow all, and write to FILE the flags that would allow what was used" },
	{ "dry-run", NULL, KEY_DRY_RUN, IN_RUN, "Allow all, and report what would be blocked" },
	{ "require", "A|B|C", KEY_REQUIRE, IN_RUN, "Fail where only a weaker rung is to be had than this" },
	{ "best-effort", NULL, KEY_BEST_EFFORT, IN_RUN | IN_SANDBOX,
	  "Go on with less protection, saying what is missing" },
	{ "keep-fd", "N[,N]", KEY_KEEP_FD, IN_RUN | IN_SANDBOX, "Leave it these open descriptors (repeatable)" },
	{ "argv0", "NAME", KEY_ARGV0, IN_RUN, "Tell the command that its name (argv[0]) is NAME" },
	{ "end-as-command", NULL, KEY_END_AS_COMMAND, IN_RUN, "Where a signal ends the command, end by it too" },
	{ "netns-only", NULL, KEY_NETNS_ONLY, IN_RUN, "Only an empty network namespace, nothing else" },
	{ "loopback", NULL, KEY_LOOPBACK, IN_RUN, "With --netns-only: a loopback of its own" },
	{ "supervise", "FD", KEY_SUPERVISE, IN_RUN | IS_HIDDEN, "Supervise the process at this socket, see attach.h" },
	{ "probe", NULL, KEY_PROBE, IN_RUN | IS_HIDDEN, "Print as JSON which rung this machine gives" },
	{ "help", NULL, KEY_HELP, IN_RUN | IN_SANDBOX, "Show help options" },
	{ "version", NULL, KEY_VERSION, IN_RUN | IN_SANDBOX, "Print the version and exit" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct parser {
	struct ng_run_options *options;
	unsigned long seen; /* bits, by key */
	char *error;
};

static bool has(const struct parser *p, enum key key)
{
	return p->seen >> (key - KEY_OFFLINE) & 1;
}

/* --- values --- */

static const char *const profile_words[] = {
	[NG_PROFILE_OFFLINE] = "offline", [NG_PROFILE_LOCAL] = "local", [NG_PROFILE_ONLINE] = "online"
};

static int take_profile(struct parser *p, uint8_t profile)
{
	struct ng_app *app = &p->options->policy.app;

	if (app->profile && app->profile != profile)
		return ng_run_say(p->error, -EINVAL, "--%s and --%s contradict each other: give one of them.",
				  profile_words[app->profile], profile_words[profile]);
	app->profile = profile;
	return 0;
}

/* The place of a socket without symbolic links, as the supervisor will see it; of one that is not there yet, its
 * folder's. Owned by the caller; NULL with errno. */
static char *socket_place(const char *path)
{
	ng_auto_free char *folder = NULL, *real = NULL;
	const char *slash;
	char *place = realpath(path, NULL);

	if (place || errno != ENOENT)
		return place;
	slash = strrchr(path, '/');
	if (slash && !slash[1]) {
		errno = ENOTDIR;
		return NULL;
	}
	folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	real = folder ? realpath(folder, NULL) : NULL;
	if (!real || asprintf(&place, "%s/%s", strcmp(real, "/") ? real : "", slash ? slash + 1 : path) < 0)
		return NULL;
	return place;
}

static int add_unix(struct parser *p, char **place)
{
	struct ng_run_policy *policy = &p->options->policy;

	for (unsigned i = 0; i < policy->n_unix; i++)
		if (strcmp(policy->unix_paths[i], *place) == 0)
			return 0;
	if (policy->n_unix >= NG_RUN_UNIX_MAX)
		return ng_run_say(p->error, -EINVAL,
				  "--allow-unix \"%s\": there are more than %d sockets. Allow fewer.", *place,
				  NG_RUN_UNIX_MAX);
	policy->unix_paths[policy->n_unix++] = ng_steal_ptr(place);
	return 0;
}

static int add_if_socket(struct parser *p, const char *path)
{
	ng_auto_free char *place = realpath(path, NULL);
	struct stat st;

	return place && stat(place, &st) == 0 && S_ISSOCK(st.st_mode) ? add_unix(p, &place) : 0;
}

/* The display and sound sockets that exist. Where there are none nothing is added: the program says so itself. */
static int add_desktop(struct parser *p)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *wayland = getenv("WAYLAND_DISPLAY"), *x11 = getenv("DISPLAY");
	const char *const names[] = { wayland ? wayland : "wayland-0", "pulse/native", "pipewire-0" };
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		if (*names[i] == '/')
			snprintf(path, sizeof(path), "%s", names[i]);
		else if (runtime && *runtime == '/')
			snprintf(path, sizeof(path), "%s/%s", runtime, names[i]);
		else
			continue;
		r = add_if_socket(p, path);
	}
	if (r == 0 && x11 && strncmp(x11, "unix:", 5) == 0)
		x11 += 4;
	if (r == 0 && x11 && *x11 == ':' && x11[1] >= '0' && x11[1] <= '9') {
		snprintf(path, sizeof(path), "/tmp/.X11-unix/X%.*s", (int)strspn(x11 + 1, "0123456789"), x11 + 1);
		r = add_if_socket(p, path);
	}
	return r;
}

static int take_unix(struct parser *p, const char *value)
{
	ng_auto_free char *place = NULL;
	struct stat st;

	if (strcmp(value, "desktop") == 0)
		return add_desktop(p);
	if (*value == '@')
		return ng_run_say(p->error, -EINVAL,
				  "--allow-unix \"%s\": abstract sockets of the machine are always cut off. Give the "
				  "path of a socket.",
				  value);
	place = *value ? socket_place(value) : NULL;
	if (!place)
		return ng_run_say(p->error, -EINVAL, "--allow-unix \"%s\": %s. Give the path of a socket, or desktop.",
				  value, *value ? strerror(errno) : "the path is empty");
	if (stat(place, &st) == 0 && !S_ISSOCK(st.st_mode))
		return ng_run_say(p->error, -EINVAL, "--allow-unix \"%s\": this is %s. Name the socket itself.", value,
				  S_ISDIR(st.st_mode) ? "a folder" : "no socket");
	return add_unix(p, &place);
}

static int take_keep_fds(struct parser *p, const char *value)
{
	struct ng_run_options *options = p->options;
	const char *at = value;

	for (;;) {
		char *end = NULL;
		long fd = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : -1;

		if (fd < 0 || fd > INT_MAX || (*end && *end != ','))
			return ng_run_say(
				p->error, -EINVAL,
				"--keep-fd \"%s\": write numbers of open descriptors, separated by commas: 3,4.",
				value);
		if (fcntl((int)fd, F_GETFD) < 0)
			return ng_run_say(
				p->error, -EINVAL,
				"--keep-fd \"%s\": descriptor %ld is not open. Open it in the shell, as in %ld<FILE.",
				value, fd, fd);
		if (options->n_keep_fds >= NG_RUN_KEEP_MAX)
			return ng_run_say(p->error, -EINVAL,
					  "--keep-fd \"%s\": there are more than %d descriptors. Keep fewer.", value,
					  NG_RUN_KEEP_MAX);
		options->keep_fds[options->n_keep_fds++] = (int)fd;
		if (!*end)
			return 0;
		at = end + 1;
	}
}

static int take_supervise(struct parser *p, const char *value)
{
	const unsigned n = p->options->n_keep_fds;
	int r = take_keep_fds(p, value);

	if (r < 0 || p->options->n_keep_fds != n + 1)
		return ng_run_say(p->error, -EINVAL, "--supervise \"%s\": give one open descriptor, a socket.", value);
	p->options->supervise_fd = p->options->keep_fds[n];
	return 0;
}

static int take_require(struct parser *p, const char *value)
{
	if (strlen(value) != 1 || !strchr("ABCabc", *value))
		return ng_run_say(
			p->error, -EINVAL,
			"--require \"%s\": write A, B or C; \"netguard check\" says which this machine gives.", value);
	p->options->require = (char)(*value >= 'a' ? *value - ('a' - 'A') : *value);
	return 0;
}

static int take_once(struct parser *p, const char *name, const char *value, const char **ret_value)
{
	if (*ret_value && strcmp(*ret_value, value) != 0)
		return ng_run_say(p->error, -EINVAL, "--%s is given twice: \"%s\" and \"%s\". Give one.", name,
				  *ret_value, value);
	*ret_value = value;
	return 0;
}

static int take_file(struct parser *p, const char *name, const char *value, const char **ret_path)
{
	if (!*value)
		return ng_run_say(p->error, -EINVAL, "--%s: the path is empty. Give one.", name);
	return take_once(p, name, value, ret_path);
}

/* --- one option --- */

static int take_flags_file(struct parser *p, const char *path);

static int take(struct parser *p, enum key key, const char *value)
{
	struct ng_run_options *options = p->options;

	p->seen |= 1ul << (key - KEY_OFFLINE);
	switch (key) {
	case KEY_OFFLINE:
		return take_profile(p, NG_PROFILE_OFFLINE);
	case KEY_LOCAL:
		return take_profile(p, NG_PROFILE_LOCAL);
	case KEY_ONLINE:
		return take_profile(p, NG_PROFILE_ONLINE);
	case KEY_ALLOW:
		return ng_run_allow_parse(value, &options->policy, p->error);
	case KEY_ALLOW_UNIX:
		return take_unix(p, value);
	case KEY_PUBLISH:
		return ng_run_publish_parse(value, &options->policy, p->error);
	case KEY_FLAGS:
		return take_flags_file(p, value);
	case KEY_LOG:
		return take_file(p, "log", value, &options->log_path);
	case KEY_LOG_DIR:
		return take_file(p, "log-dir", value, &options->log_dir);
	case KEY_LEARN:
		return take_file(p, "learn", value, &options->learn_path);
	case KEY_REQUIRE:
		return take_require(p, value);
	case KEY_KEEP_FD:
		return take_keep_fds(p, value);
	case KEY_SUPERVISE:
		return take_supervise(p, value);
	case KEY_ARGV0:
		return take_once(p, "argv0", value, &options->argv0);
	case KEY_END_AS_COMMAND:
		options->ends_as_command = true;
		return 0;
	case KEY_BEST_EFFORT:
		options->has_best_effort = true;
		return 0;
	case KEY_LOOPBACK:
		options->has_loopback = true;
		return 0;
	case KEY_DRY_RUN:
	case KEY_NETNS_ONLY:
	case KEY_NO_NET:
	case KEY_PROBE:
	case KEY_HELP:
	case KEY_VERSION:
	case KEY_END:
		break; /* seen is enough */
	}
	return 0;
}

/* --- --flags FILE --- */

/* "--name", "--name value" or "--name=value"; the value is the rest of the line. */
static int take_line(struct parser *p, const char *path, unsigned number, char *line)
{
	size_t length = strlen(line);
	char *name, *value;

	while (length > 0 && strchr(" \t\r\n", line[length - 1]))
		line[--length] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	if (strncmp(line, "--", 2) != 0)
		return ng_run_say(
			p->error, -EINVAL,
			"%s, line %u: \"%s\" is no flag. Write one a line, such as --allow example.org:443/tcp.", path,
			number, line);
	name = line + 2;
	value = name + strcspn(name, " \t=");
	if (*value) {
		*value++ = '\0';
		value += strspn(value, " \t");
	} else {
		value = NULL;
	}
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0 || !(rows[i].where & IN_FILE))
			continue;
		if (!rows[i].value == !value)
			return take(p, rows[i].key, value);
		return ng_run_say(p->error, -EINVAL,
				  value ? "%s, line %u: --%s takes no value. Leave it out."
					: "%s, line %u: --%s takes a value. Add it.",
				  path, number, name);
	}
	return ng_run_say(
		p->error, -EINVAL,
		"%s, line %u: --%s is no flag for a file. There may be profiles, --allow, --allow-unix and --publish.",
		path, number, name);
}

static int take_flags_file(struct parser *p, const char *path)
{
	ng_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ng_auto_file file = fd >= 0 ? fdopen(fd, "re") : NULL;
	ng_auto_free char *line = NULL;
	size_t size = 0;

	if (!file)
		return ng_run_say(p->error, -EINVAL,
				  "--flags \"%s\": %s. Give a file that \"netguard run --learn\" wrote.", path,
				  strerror(errno));
	ng_steal_fd(&fd);
	for (unsigned number = 1; getline(&line, &size, file) >= 0; number++) {
		char reason[NG_RUN_ERROR_MAX];
		int r = number > FLAGS_FILE_LINES ? -E2BIG : take_line(p, path, number, line);

		if (r == -E2BIG)
			return ng_run_say(p->error, -EINVAL, "--flags \"%s\": more than %d lines. Join some of them.",
					  path, FLAGS_FILE_LINES);
		if (r < 0 && strncmp(p->error, "--", 2) == 0) { /* of the value's parser: say where it stands */
			memcpy(reason, p->error, sizeof(reason));
			return ng_run_say(p->error, r, "%s, line %u: %s", path, number, reason);
		}
		if (r < 0)
			return r;
	}
	if (ferror(file))
		return ng_run_say(p->error, -EINVAL, "--flags \"%s\": %s. Give a file that can be read.", path,
				  strerror(errno));
	return 0;
}

/* --- what goes together --- */

static int check_sandbox(struct parser *p)
{
	if (!has(p, KEY_NO_NET))
		return ng_run_say(
			p->error, -EINVAL,
			"sandbox starts a command that cannot use the network. Say so: sandbox --no-net CMD. For more "
			"choice see \"netguard run --help\".");
	p->options->policy.app.profile = NG_PROFILE_OFFLINE;
	p->options->policy.has_no_net = true;
	return 0;
}

static int check_netns_only(struct parser *p)
{
	const unsigned long good = 1ul << (KEY_NETNS_ONLY - KEY_OFFLINE) | 1ul << (KEY_LOOPBACK - KEY_OFFLINE) |
				   1ul << (KEY_KEEP_FD - KEY_OFFLINE) | 1ul << (KEY_ARGV0 - KEY_OFFLINE) |
				   1ul << (KEY_END_AS_COMMAND - KEY_OFFLINE);

	if (!(p->seen & ~good))
		return 0;
	for (size_t i = 0; i < N_ROWS; i++)
		if (has(p, rows[i].key) && !(good >> (rows[i].key - KEY_OFFLINE) & 1))
			return ng_run_say(p->error, -EINVAL,
					  "--netns-only and --%s contradict each other: it makes a network namespace "
					  "and confines "
					  "nothing. Leave one of them out.",
					  rows[i].name);
	return 0;
}

/* Pairs of which one makes the other senseless or untrue. */
static int check_run(struct parser *p)
{
	const struct ng_run_policy *policy = &p->options->policy;

	if (has(p, KEY_LOOPBACK))
		return ng_run_say(p->error, -EINVAL,
				  "--loopback belongs to --netns-only. Under --offline there is always a loopback of "
				  "its own; for "
				  "this machine's write --allow loopback.");
	if (!policy->app.profile)
		return ng_run_say(p->error, -EINVAL,
				  "What may the command reach? Say --offline (nothing), --local (this machine and your "
				  "own network) "
				  "or --online (the Internet).");
	if (policy->app.profile == NG_PROFILE_ONLINE && (has(p, KEY_ALLOW) || has(p, KEY_ALLOW_UNIX)))
		return ng_run_say(
			p->error, -EINVAL,
			"--online allows everything, so --%s adds nothing. For these only, write --offline in its "
			"place.",
			has(p, KEY_ALLOW) ? "allow" : "allow-unix");
	if (has(p, KEY_LEARN) && has(p, KEY_DRY_RUN))
		return ng_run_say(p->error, -EINVAL,
				  "--learn and --dry-run contradict each other: both allow all, one writes flags, the "
				  "other reports. "
				  "Give one of them.");
	if (p->options->require && p->options->has_best_effort)
		return ng_run_say(p->error, -EINVAL,
				  "--require and --best-effort contradict each other: the one fails where the other "
				  "goes on. Give one "
				  "of them.");
	if (p->options->require == 'C' && ng_run_policy_is_brokered(policy))
		return ng_run_say(p->error, -EINVAL,
				  "--require C: rung C can hold nothing but --offline alone. Write --require B, or "
				  "leave out what "
				  "allows more.");
	return 0;
}

/* There is no command whose start, name, end or status it could change. */
static int check_supervise(struct parser *p)
{
	static const enum key senseless[] = { KEY_REQUIRE,    KEY_BEST_EFFORT, KEY_KEEP_FD,       KEY_ARGV0,
					      KEY_NETNS_ONLY, KEY_LOG_DIR,     KEY_END_AS_COMMAND };

	for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++)
		for (size_t k = 0; has(p, senseless[i]) && k < N_ROWS; k++)
			if (rows[k].key == senseless[i])
				return ng_run_say(p->error, -EINVAL,
						  "--supervise and --%s contradict each other: nothing is started. "
						  "Leave one of them out.",
						  rows[k].name);
	return check_run(p);
}

static int check(struct parser *p)
{
	struct ng_run_options *options = p->options;
	int r;

	if (has(p, KEY_HELP) || has(p, KEY_VERSION) || has(p, KEY_PROBE)) {
		options->task = has(p, KEY_HELP) ? NG_RUN_HELP : has(p, KEY_VERSION) ? NG_RUN_VERSION : NG_RUN_PROBE;
		return 0;
	}
	options->policy.is_dry_run = has(p, KEY_DRY_RUN) || has(p, KEY_LEARN);
	if (options->is_sandbox) {
		r = check_sandbox(p);
	} else if (has(p, KEY_NETNS_ONLY) && !has(p, KEY_SUPERVISE)) {
		options->task = NG_RUN_NETNS_ONLY;
		r = check_netns_only(p);
	} else if (has(p, KEY_SUPERVISE)) {
		options->task = NG_RUN_SUPERVISE;
		return check_supervise(p);
	} else {
		r = check_run(p);
	}
	if (r == 0 && !*options->command)
		return ng_run_say(p->error, -EINVAL, "The command is missing. Write it at the end: %s -- CMD ARGS.",
				  options->is_sandbox                  ? "sandbox --no-net"
				  : options->task == NG_RUN_NETNS_ONLY ? "netguard run --netns-only"
								       : "netguard run --offline");
	if (r == 0 && !**options->command)
		return ng_run_say(p->error, -EINVAL, "The command is an empty word. Write its name or path.");
	return r;
}

/* --- the whole line --- */

static const char *shown(const char *word, char ret_name[static 64])
{
	snprintf(ret_name, 64, "%.*s", (int)strcspn(word, "="), word);
	return ret_name;
}

static int say_unknown(struct parser *p, const char *word)
{
	char name[64];

	return ng_run_say(p->error, -EINVAL, "There is no option %s. See: %s --help", shown(word, name),
			  p->options->is_sandbox ? "sandbox" : "netguard run");
}

/* `found` is the row that getopt took, of `longs`; `word` as it was typed. */
static int take_word(struct parser *p, int found, const char *word)
{
	char name[64], option[64];

	if (found == 'h')
		found = KEY_HELP;
	if (found == ':')
		return ng_run_say(p->error, -EINVAL, "%s takes a value. See: %s --help", shown(word, name),
				  p->options->is_sandbox ? "sandbox" : "netguard run");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].key != (enum key)found)
			continue;
		snprintf(option, sizeof(option), "--%s", rows[i].name);
		if (strncmp(word, "--", 2) == 0 && strcmp(shown(word, name), option) != 0)
			break; /* getopt takes abbreviations */
		return take(p, rows[i].key, optarg);
	}
	if (found == '?' && strncmp(word, "--", 2) == 0 && strchr(word, '=')) {
		for (size_t i = 0; i < N_ROWS; i++)
			if (strcmp(shown(word, name) + 2, rows[i].name) == 0 && !rows[i].value)
				return ng_run_say(p->error, -EINVAL, "%s takes no value. Leave out what follows the =.",
						  name);
	}
	return say_unknown(p, word);
}

static void make_longs(bool is_sandbox, struct option longs[static N_ROWS + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].where & (is_sandbox ? IN_SANDBOX : IN_RUN))
			longs[n++] = (struct option){ rows[i].name, rows[i].value ? required_argument : no_argument,
						      NULL, (int)rows[i].key };
	longs[n] = (struct option){ 0 };
}

int ng_run_options_parse(int argc, char **argv, struct ng_run_options *options, char error[static 512])
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct parser parser = { .options = options, .error = error };
	struct option longs[N_ROWS + 1];

	memset(options, 0, sizeof(*options));
	*error = '\0';
	if (argc < 1)
		return ng_run_say(error, -EINVAL, "There is no command line at all.");
	options->is_sandbox = strcmp(slash ? slash + 1 : argv[0], "sandbox") == 0;
	make_longs(options->is_sandbox, longs);
	optind = 0; /* glibc: from the start, also in a second call */
	opterr = 0;
	for (int at = 1;; at = optind) {
		int r, found = getopt_long(argc, argv, "+:h", longs, NULL);

		if (found < 0)
			break;
		r = take_word(&parser, found, argv[at]);
		if (r < 0)
			return r;
		if (has(&parser, KEY_HELP))
			break;
	}
	options->command = argv + optind;
	return check(&parser);
}

void ng_run_options_done(struct ng_run_options *options)
{
	for (unsigned i = 0; i < options->policy.n_unix; i++)
		free(options->policy.unix_paths[i]);
	options->policy.n_unix = 0;
}

/* --- help --- */

static void print_rows(unsigned where)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[64];

		if (!(rows[i].where & where) || (rows[i].where & IS_HIDDEN))
			continue;
		snprintf(left, sizeof(left), "%s--%s%s%s", rows[i].key == KEY_HELP ? "-h, " : "", rows[i].name,
			 rows[i].value ? "=" : "", rows[i].value ? rows[i].value : "");
		printf("  %-28s  %s\n", left, rows[i].help);
	}
}

void ng_run_options_help(bool is_sandbox)
{
	if (is_sandbox) {
		fputs("Usage:\n"
		      "  sandbox --no-net [OPTION…] CMD [ARGUMENT...]\n\n"
		      "Start a command that cannot use the network, nor can anything it starts. Needs no root.\n\n"
		      "Options:\n",
		      stdout);
		print_rows(IN_SANDBOX);
		fputs("\nIt does not start the command where the network cannot be refused, unless --best-effort is "
		      "given.\n"
		      "The exit status is the command's own. \"netguard run --help\" offers more choice.\n",
		      stdout);
		return;
	}
	fputs("Usage:\n"
	      "  netguard run [OPTION…] -- CMD [ARGUMENT...]\n\n"
	      "Confine one command and all it starts, without root. One of --offline, --local, --online is needed.\n\n"
	      "Options:\n",
	      stdout);
	print_rows(IN_RUN);
	fputs("\n"
	      "HOST: 192.0.2.1, 10.0.0.0/8, [2001:db8::1], example.org, *.example.org. PORT: 443 or 8000-8010. PROTO: "
	      "tcp,\n"
	      "udp, icmp. Without them every port and protocol.\n"
	      "\n"
	      "Files are not confined, nor what others do for the command through a socket you allow.\n"
	      "\n"
	      "The exit status is the command's own; 128+n if signal n ended it; 127 if it was not found, 126 if it "
	      "could\n"
	      "not be started. \"man netguard-run\" tells everything.\n",
	      stdout);
}
