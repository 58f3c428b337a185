/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edu device in the hands of a program of the host's, through an I/O
 * address space of moat's: what the isolation tests attack from where a
 * guest's view would be too coarse. Everything that fails ends the program,
 * with a sentence.
 */
#ifndef MOAT_TESTS_EDU_HOST_H
#define MOAT_TESTS_EDU_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <moat/bdf.h>
#include <moat/ioas.h>

#include "tests/isolation/fault_record.h"

#define PAGE  4096u
#define LARGE (2u << 20)
/* Where the device has a page to fetch patterns from, and to leave them. */
#define OWN_AT UINT64_C(0x100000)

struct edu_host {
	struct moat_bdf bdf;
	struct moat_ioas *ioas;
	int fd;
	volatile uint8_t *bar;
	uint64_t config; /* offset of config space in @fd */
	uint8_t *own;	 /* the page at OWN_AT */
	struct fault_unit unit;
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Attach, map BAR 0 and OWN_AT, turn bus mastering on. MOAT_IOMMU chooses. */
void edu_host_open(struct edu_host *edu, const char *bdf);
void edu_host_close(struct edu_host *edu);
void edu_host_master(const struct edu_host *edu, bool on);

/* moat_ioas_map() and its reverse, which must go well. */
void edu_host_map(const struct edu_host *edu, uint64_t iova, uint64_t len,
		  void *vaddr, unsigned int prot);
void edu_host_unmap(const struct edu_host *edu, uint64_t iova, uint64_t len);

/* Start a transfer and do not wait; @to_memory writes. */
void edu_host_start(const struct edu_host *edu, uint64_t iova, uint64_t len,
		    bool to_memory);
void edu_host_wait(const struct edu_host *edu);

/* The device writes @len bytes of @byte to @iova. */
void edu_host_write(const struct edu_host *edu, uint64_t iova, uint64_t len,
		    uint8_t byte);

/*
 * The device reads @len bytes from @iova and leaves what it got in edu->own.
 */
void edu_host_read(const struct edu_host *edu, uint64_t iova, uint64_t len);

/*
 * Since faults_reported() was @before there was no fault; or exactly one, and
 * this is what the unit recorded. It is printed, too.
 */
void want_no_fault(unsigned long before, const char *what);
void want_fault(const struct edu_host *edu, unsigned long before, bool write,
		uint64_t iova, unsigned int reason);

/* The physical address of a page of this process. */
uint64_t physical(const void *p);

#endif /* MOAT_TESTS_EDU_HOST_H */
