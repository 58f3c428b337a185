// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * faultlog: prints each fault that the VT-d unit records, as it comes:
 * "fault Write|Read PAGE REASON DEVICE", numbers in hexadecimal. One that
 * equals the one before is not told again; ones that follow each other faster
 * than every millisecond may be missed. Ends when it is killed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/isolation/fault_record.h"

#define POLL_US 500

int main(void)
{
	char text[FAULT_TEXT], last[FAULT_TEXT];
	struct fault_record record;
	struct fault_unit unit;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	fault_unit_open(&unit);
	record = fault_unit_last(&unit);
	(void)fault_text(&record, last);
	(void)printf("ready\n");
	for (;;) {
		record = fault_unit_last(&unit);
		if (strcmp(fault_text(&record, text), last) != 0) {
			(void)printf("%s\n", text);
			memcpy(last, text, sizeof(last));
		}
		(void)usleep(POLL_US);
	}
}
