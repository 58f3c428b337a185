/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process's terminal in raw mode, and back whatever happens. A process
 * has one, so the state is file-global.
 */
#ifndef MOAT_VMM_TERMINAL_H
#define MOAT_VMM_TERMINAL_H

/**
 * terminal_raw() - key strokes come one by one, unprocessed and unechoed
 * @fd: a terminal; stays open until terminal_restore()
 *
 * From now on exit() and signals that kill restore it, where their
 * disposition is the default.
 * Return: 0, -EBUSY (raw already), or the terminal's errno.
 */
int terminal_raw(int fd);

/** terminal_restore() - as it was; nothing happens when it is not raw */
void terminal_restore(void);

#endif /* MOAT_VMM_TERMINAL_H */
