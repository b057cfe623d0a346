/* SPDX-License-Identifier: MIT */
/* Sentences for the person (see say.h). */
#include "run/say.h"

#include <stdarg.h>
#include <stdio.h>

void ng_run_make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int ng_run_say(char error[static NG_RUN_ERROR_MAX], int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, NG_RUN_ERROR_MAX, format, args);
	va_end(args);
	ng_run_make_plain(error);
	return code;
}
