/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors with words.
 *
 * A function that can fail for more than one reason takes a struct moat_err
 * as its last argument and, besides its negative errno, leaves a sentence
 * there: what failed, on which device, why, and what to do. The layers fill
 * it in; only the program that called them decides whether to print it.
 */
#ifndef MOAT_ERR_H
#define MOAT_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#define MOAT_ERR_MAX 1024

struct moat_err {
	char msg[MOAT_ERR_MAX];
};

/**
 * moat_fail() - say why, and hand the errno through
 * @err: where the sentence goes; NULL when the caller wants none
 * @r:   the negative errno to return
 * @fmt: printf format of the sentence, without a newline
 *
 * Replaces what @err held. Safe with arguments that point into @err.
 * Return: @r, so that "return moat_fail(err, -EBUSY, ...)" reads well.
 */
int moat_fail(struct moat_err *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), visibility("default")));

/**
 * moat_fail_prefix() - put words in front of an error that came from below
 * @err: NULL, or an error already filled in
 * @r:   the negative errno to return
 * @fmt: printf format of what goes in front; ": " is put between
 *
 * Return: @r.
 */
int moat_fail_prefix(struct moat_err *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), visibility("default")));

#ifdef __cplusplus
}
#endif
#endif /* MOAT_ERR_H */
