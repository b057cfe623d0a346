/* SPDX-License-Identifier: MIT */
/* The command line: what is taken, where it stops, what contradicts, and that each refusal names the argument. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "run/options.h"

static struct ng_run_options options;
static char error[512];

static int parse(const char *line)
{
	static char **argv;
	int argc;

	g_strfreev(argv); /* the options point into it */
	g_assert_true(g_shell_parse_argv(line, &argc, &argv, NULL));
	return ng_run_options_parse(argc, argv, &options, error);
}

static void takes(const char *line)
{
	if (parse(line) < 0)
		g_error("%s: %s", line, error);
	g_assert_cmpstr(error, ==, "");
}

static void refuses(const char *line, const char *said)
{
	g_assert_cmpint(parse(line), ==, -EINVAL);
	if (!strstr(error, said))
		g_error("%s: %s", line, error);
	ng_run_options_done(&options);
}

static void test_stops_at_command(void)
{
	takes("netguard-run --offline make -j --local --help");
	g_assert_cmpstr(options.command[0], ==, "make");
	g_assert_cmpstr(options.command[2], ==, "--local");
	g_assert_cmpuint(options.policy.app.profile, ==, NG_PROFILE_OFFLINE);
	g_assert_cmpint(options.task, ==, NG_RUN_COMMAND);
	takes("run --local -- --odd -- x");
	g_assert_cmpstr(options.command[0], ==, "--odd");
	g_assert_cmpstr(options.command[1], ==, "--");
	g_assert_cmpuint(options.policy.app.profile, ==, NG_PROFILE_LOCAL);
}

static void test_all_options(void)
{
	takes("run --offline --offline --allow 192.0.2.1 --allow=example.org:443 --publish 8080 --log a.log --log-dir "
	      "d --learn f "
	      "--require b --keep-fd 0,1 --keep-fd=2 -- x");
	g_assert_cmpuint(options.policy.allows.count, ==, 1);
	g_assert_cmpuint(options.policy.n_names, ==, 1);
	g_assert_cmpuint(options.policy.publish[0].port, ==, 8080);
	g_assert_cmpstr(options.log_path, ==, "a.log");
	g_assert_cmpstr(options.log_dir, ==, "d");
	g_assert_cmpstr(options.learn_path, ==, "f");
	g_assert_true(options.policy.is_dry_run);
	g_assert_cmpint(options.require, ==, 'B');
	g_assert_cmpuint(options.n_keep_fds, ==, 3);
	ng_run_options_done(&options);
	takes("run --online --dry-run --best-effort x");
	g_assert_true(options.policy.is_dry_run && options.has_best_effort);
	takes("run --require C --offline x");
	takes("run --offline x");
	g_assert_null(options.argv0);
	g_assert_false(options.ends_as_command);
	takes("run --offline --argv0 -sh --end-as-command /bin/sh -c true");
	g_assert_cmpstr(options.argv0, ==, "-sh");
	g_assert_cmpstr(options.command[0], ==, "/bin/sh");
	g_assert_true(options.ends_as_command);
	takes("run --offline --argv0= x");
	g_assert_cmpstr(options.argv0, ==, "");
	takes("run --netns-only --argv0 y --end-as-command x");
	takes("run --netns-only --loopback x");
	g_assert_cmpint(options.task, ==, NG_RUN_NETNS_ONLY);
	g_assert_true(options.has_loopback);
	takes("run --supervise 0 --offline --allow 192.0.2.1 --log a.log");
	g_assert_cmpint(options.task, ==, NG_RUN_SUPERVISE);
	g_assert_cmpint(options.supervise_fd, ==, 0);
	g_assert_cmpint(options.keep_fds[0], ==, 0);
	g_assert_null(*options.command);
	takes("run --supervise 0 --online -- python3 x.py");
	g_assert_cmpstr(options.command[1], ==, "x.py");
	takes("run --probe");
	g_assert_cmpint(options.task, ==, NG_RUN_PROBE);
	takes("run --help --nonsense");
	g_assert_cmpint(options.task, ==, NG_RUN_HELP);
	takes("run -h");
	takes("run --version");
	g_assert_cmpint(options.task, ==, NG_RUN_VERSION);
}

static void test_refusals(void)
{
	refuses("run", "--offline (nothing), --local");
	refuses("run make", "--offline (nothing), --local");
	refuses("run --offline", "The command is missing");
	refuses("run --offline --", "The command is missing");
	refuses("run --offline ''", "empty word");
	refuses("run --ofline x", "no option --ofline");
	refuses("run --off x", "no option --off.");
	refuses("run --allow", "--allow takes a value");
	refuses("run --offline=yes x", "--offline takes no value");
	refuses("run -x y", "no option -x");
	refuses("run --no-net x", "no option --no-net");
	refuses("run --offline --allow http://x y", "--allow \"http://x\"");
	refuses("run --offline --publish x y", "--publish \"x\"");
	refuses("run --offline --require D y", "--require \"D\"");
	refuses("run --offline --log '' y", "--log: the path is empty");
	refuses("run --offline --log a --log b y", "--log is given twice");
	refuses("run --offline --argv0", "--argv0 takes a value");
	refuses("run --offline --argv0 a --argv0 b y", "--argv0 is given twice");
	refuses("run --offline --end-as-command=1 y", "--end-as-command takes no value");
	refuses("run --offline --argv y", "no option --argv.");
	refuses("run --offline --keep-fd x y", "--keep-fd \"x\"");
	refuses("run --offline --keep-fd 1, y", "--keep-fd \"1,\"");
	refuses("run --offline --keep-fd 99999999999999999999 y", "--keep-fd");
	refuses("run --offline --keep-fd 987654 y", "descriptor 987654 is not open");
	refuses("run --offline --allow-unix @x y", "abstract");
	refuses("run --offline --allow-unix /nowhere/at/all y", "--allow-unix \"/nowhere/at/all\": No such file");
	refuses("run --offline --allow-unix /tmp y", "a folder");
	refuses("run --offline --allow-unix /dev/null y", "no socket");
	refuses("run --offline --flags /nowhere y", "--flags \"/nowhere\": No such file");
}

static void test_contradictions(void)
{
	refuses("run --offline --online x", "--offline and --online contradict");
	refuses("run --offline --learn f --dry-run x", "--learn and --dry-run contradict");
	refuses("run --offline --require C --allow 192.0.2.1 x", "--require C");
	refuses("run --offline --require C --allow loopback x", "--require C");
	refuses("run --local --require C x", "--require C");
	refuses("run --offline --require C --dry-run x", "--require C");
	refuses("run --offline --require A --best-effort x", "--require and --best-effort contradict");
	refuses("run --online --allow 192.0.2.1 x", "--online allows everything");
	refuses("run --online --allow-unix desktop x", "so --allow-unix adds nothing");
	refuses("run --offline --loopback x", "--loopback belongs to --netns-only");
	refuses("run --netns-only --offline x", "--netns-only and --offline contradict");
	refuses("run --netns-only --log f x", "--netns-only and --log contradict");
	refuses("run --supervise 0", "--offline (nothing), --local");
	refuses("run --supervise 0,1 --offline", "one open descriptor");
	refuses("run --supervise 987654 --offline", "one open descriptor");
	refuses("run --supervise 0 --offline --require B", "--supervise and --require contradict");
	refuses("run --supervise 0 --offline --keep-fd 1", "--supervise and --keep-fd contradict");
	refuses("run --supervise 0 --offline --log-dir d", "--supervise and --log-dir contradict");
	refuses("run --supervise 0 --offline --end-as-command", "--supervise and --end-as-command contradict");
	refuses("run --supervise 0 --netns-only x", "--supervise and --netns-only contradict");
	refuses("run --offline --supervise 0 --loopback", "--loopback belongs to --netns-only");
	refuses("run --netns-only", "netguard run --netns-only -- CMD");
}

static void test_sandbox(void)
{
	takes("/usr/bin/sandbox --no-net --log-dir /tmp --best-effort curl -x");
	g_assert_true(options.is_sandbox && options.policy.has_no_net && options.has_best_effort);
	g_assert_cmpuint(options.policy.app.profile, ==, NG_PROFILE_OFFLINE);
	g_assert_cmpstr(options.command[0], ==, "curl");
	refuses("sandbox curl", "sandbox --no-net CMD");
	refuses("sandbox", "sandbox --no-net CMD");
	refuses("sandbox --no-net", "sandbox --no-net -- CMD");
	refuses("sandbox --offline x", "no option --offline. See: sandbox --help");
	takes("sandbox --help");
	g_assert_true(options.is_sandbox);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	return fd;
}

static void test_unix(void)
{
	g_autofree char *folder = g_dir_make_tmp("ng-options-XXXXXX", NULL), *real = realpath(folder, NULL);
	g_autofree char *path = g_build_filename(real, "s", NULL), *link = g_build_filename(folder, "link", NULL);
	g_autofree char *line = g_strdup_printf("run --offline --allow-unix %s --allow-unix %s --allow-unix %s/later x",
						path, link, folder);
	g_autofree char *later = g_build_filename(real, "later", NULL);
	int fd = listen_at(path);

	g_assert_cmpint(symlink("s", link), ==, 0);
	takes(line);
	g_assert_cmpuint(options.policy.n_unix, ==, 2); /* the link is the same socket */
	g_assert_cmpstr(options.policy.unix_paths[0], ==, path);
	g_assert_cmpstr(options.policy.unix_paths[1], ==, later);
	ng_run_options_done(&options);
	g_setenv("XDG_RUNTIME_DIR", folder, TRUE);
	g_setenv("WAYLAND_DISPLAY", "s", TRUE);
	g_setenv("DISPLAY", ":987654.0", TRUE);
	takes("run --offline --allow-unix desktop x");
	g_assert_cmpuint(options.policy.n_unix, ==, 1);
	g_assert_cmpstr(options.policy.unix_paths[0], ==, path);
	ng_run_options_done(&options);
	g_unsetenv("XDG_RUNTIME_DIR");
	takes("run --offline --allow-unix desktop x");
	g_assert_cmpuint(options.policy.n_unix, ==, 0);
	close(fd);
	g_unlink(link);
	g_unlink(path);
	g_rmdir(folder);
}

static void test_flags_file(void)
{
	g_autofree char *folder = g_dir_make_tmp("ng-options-XXXXXX", NULL),
			*path = g_build_filename(folder, "flags", NULL);
	g_autofree char *line = g_strdup_printf("run --flags %s x", path),
			*local = g_strdup_printf("run --local --flags %s x", path);

	g_assert_true(g_file_set_contents(
		path, "# made\n\n--offline\r\n  --allow example.org:443/tcp\n--allow=192.0.2.1\n--publish   80 \n", -1,
		NULL));
	takes(line);
	g_assert_cmpuint(options.policy.n_names + options.policy.allows.count + options.policy.n_publish, ==, 3);
	refuses(local, "--local and --offline contradict");
	g_assert_true(g_file_set_contents(path, "--offline\n--log /etc/passwd\n", -1, NULL));
	refuses(line, "line 2: --log is no flag for a file");
	g_assert_true(g_file_set_contents(path, "--offline\n--allow ::/0\n", -1, NULL));
	refuses(line, "line 2: --allow \"::/0\"");
	g_assert_true(g_file_set_contents(path, "--allow\n", -1, NULL));
	refuses(line, "line 1: --allow takes a value");
	g_assert_true(g_file_set_contents(path, "--offline x\n", -1, NULL));
	refuses(line, "line 1: --offline takes no value");
	g_assert_true(g_file_set_contents(path, "rm -rf\n", -1, NULL));
	refuses(line, "line 1: \"rm -rf\" is no flag");
	g_unlink(path);
	g_rmdir(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/options/what follows the command is the command's own", test_stops_at_command);
	g_test_add_func("/options/every option is taken, with = or a blank", test_all_options);
	g_test_add_func("/options/what is wrong is named, with the next step", test_refusals);
	g_test_add_func("/options/contradictions are errors", test_contradictions);
	g_test_add_func("/options/sandbox is Offline and has few options", test_sandbox);
	g_test_add_func("/options/sockets are kept by the place they lead to, desktop by what is there", test_unix);
	g_test_add_func("/options/a file of flags may decide, and do nothing else", test_flags_file);
	return g_test_run();
}
