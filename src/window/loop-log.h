/* SPDX-License-Identifier: MIT */
/*
 * How long the main loop was busy at a stretch: with NETGUARD_WINDOW_LOOP_LOG=FILE the longest dispatch of each second,
 * in microseconds, a number a line. For measuring that the window stays smooth; without the variable it does nothing.
 */
#ifndef NGW_LOOP_LOG_H
#define NGW_LOOP_LOG_H

void ngw_loop_log_start(void);

#endif
