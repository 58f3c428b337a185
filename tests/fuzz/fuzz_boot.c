// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The head of a kernel file, bzImage or ELF. Four bytes say how much longer the
 * file is than its head, which then goes on as zeros where the input ends; what
 * is accepted must lie inside the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm-glue/boot.h"

static void check_segments(const struct boot_header *header, uint64_t file_size)
{
	bool entry_loaded = false;

	fuzz_check(header->n_segments > 0);
	fuzz_check(header->n_segments <= BOOT_SEGMENTS_MAX);
	for (size_t i = 0; i < header->n_segments; i++) {
		const struct boot_segment *s = &header->segments[i];

		fuzz_check(s->file_offset <= file_size);
		fuzz_check(s->file_len <= file_size - s->file_offset);
		fuzz_check(s->mem_len >= s->file_len);
		fuzz_check(s->gpa >= header->load);
		fuzz_check(s->gpa - header->load <= header->init_size);
		fuzz_check(s->mem_len <=
			   header->init_size - (s->gpa - header->load));
		entry_loaded |= header->entry >= s->gpa &&
				header->entry - s->gpa < s->file_len;
		for (size_t k = 0; k < i; k++)
			fuzz_check(!ranges_overlap(
				s->gpa, s->gpa + s->mem_len - 1,
				header->segments[k].gpa,
				header->segments[k].gpa +
					header->segments[k].mem_len - 1));
	}
	fuzz_check(entry_loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint64_t more = fuzz_number(&in, 4), file_size;
	struct boot_header header;
	struct moat_err err = { .msg = "" };
	size_t len;
	uint8_t *head;
	int r;

	len = more ? BOOT_HEADER_LEN : min_u64(in.left, BOOT_HEADER_LEN);
	file_size = len + more;
	/* Of its own, so that a step beyond its end is seen. */
	head = calloc(1, len ? len : 1);
	fuzz_check(head);
	(void)fuzz_bytes(&in, head, len);
	r = boot_parse_header(head, len, file_size, &header, &err);
	free(head);
	if (r < 0) {
		fuzz_check(r == -ENOEXEC && err.msg[0]);
		return 0;
	}
	check_segments(&header, file_size);
	fuzz_check(header.load >= LAYOUT_KERNEL_MIN);
	fuzz_check(header.init_size <= UINT64_MAX - header.load);
	fuzz_check(header.setup_len <= sizeof(header.setup));
	return 0;
}
