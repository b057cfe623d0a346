/* SPDX-License-Identifier: MIT */
/* `netguard explain APP [DESTINATION]`: the verdict, the reason, and the line of the file it comes from. */
#include "cli/cli.h"

static GVariant *make(const char *app, gpointer user_data)
{
	return g_variant_new("(ss)", app, (const char *)user_data);
}

static void show(NgCli *cli, GVariant *result)
{
	const char *verdict = ng_dict_string(result, "verdict"), *profile = ng_dict_string(result, "profile");
	const char *title = ng_profile_title(profile);
	g_autofree char *text = ng_text_safe(ng_dict_string(result, "text"));

	if (*verdict) {
		g_autofree char *safe = ng_text_safe(ng_words_verdict(verdict));
		g_autofree char *toned = NULL;

		*safe = g_ascii_toupper(*safe);
		toned = ng_text_tone(safe, ng_verdict_tone(verdict), cli->use_colour);
		ng_cli_print("%s: %s\n", toned, text);
	} else {
		ng_cli_print("%s\n", text);
	}
	ng_cli_field("Application", ng_dict_string(result, "app"));
	ng_cli_field("Profile", title ? title : profile);
	ng_cli_field("Destination", ng_class_title(ng_dict_string(result, "class")));
	ng_cli_field("Rule", ng_dict_string(result, "rule"));
	ng_cli_field("File", ng_dict_string(result, "path"));
	ng_cli_field("To change it", ng_dict_string(result, "tip"));
}

static int run(NgCli *cli, char **args, GError **error)
{
	char *destination = args[1] ? args[1] : (char *)"";
	g_autoptr(GVariant) result = NULL;

	if (args[1] && !*args[1]) {
		ng_cli_usage(error, "DESTINATION is empty: give an address such as 192.0.2.1 or [2001:db8::1]:443/tcp");
		return NG_EXIT_USAGE;
	}
	if (!ng_cli_is_utf8("DESTINATION", destination, error))
		return NG_EXIT_USAGE;
	result = ng_cli_call_app(cli, "Explain", args[0], FALSE, make, destination, NULL, error);
	if (!result)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		show(cli, result);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_explain = {
	.name = "explain",
	.arguments = "APP [DESTINATION]",
	.summary = "Why may it, or may it not, reach DESTINATION",
	.details = "DESTINATION is an address with an optional port and protocol: 192.0.2.1, 192.0.2.1:443/tcp,\n"
		   "[2001:db8::1]:53/udp. Host names are not resolved.",
	.run = run,
};
