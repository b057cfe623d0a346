/* SPDX-License-Identifier: MIT */
/*
 * For tests of stub.c: time goes on without waiting.
 */
#ifndef NG_RUN_STUB_PRIVATE_H
#define NG_RUN_STUB_PRIVATE_H

#include "run/stub.h"

void ng_stub_advance_ms(struct ng_stub *stub, int64_t ms);

#endif
