/* SPDX-License-Identifier: MIT */
/* The folder of the pins (see pins.h): "main" for the default runtime folder, else its path as a 64-bit FNV-1a hash. */
#include "guardd/pins.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

void ng_pins_path(const char *runtime, char ret_path[NG_PINS_MAX])
{
	ng_auto_free char *canonical = realpath(runtime, NULL);
	const char *path = canonical ? canonical : runtime;

	if (strcmp(path, NG_PINS_DEFAULT_RUNTIME) == 0) {
		snprintf(ret_path, NG_PINS_MAX, "%s/main", NG_PINS_ROOT);
		return;
	}
	snprintf(ret_path, NG_PINS_MAX, "%s/%016llx", NG_PINS_ROOT,
		 (unsigned long long)ng_hash_add(NG_HASH_START, path, strlen(path)));
}
