/* SPDX-License-Identifier: MIT */
/*
 * Where on bpffs a guard keeps its pins: one folder for each runtime folder, so that guards live side by side. Plain C,
 * no power.
 */
#ifndef NG_GUARDD_PINS_H
#define NG_GUARDD_PINS_H

#define NG_PINS_ROOT "/sys/fs/bpf/netguard"
#define NG_PINS_DEFAULT_RUNTIME "/run/netguard"
#define NG_PINS_MAX 64

/* `runtime` is the runtime folder; symbolic links in it are followed where it exists. */
void ng_pins_path(const char *runtime, char ret_path[NG_PINS_MAX]);

#endif
