// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * faultlog: prints each fault that the VT-d unit records, as it comes:
 * "fault Write|Read PAGE REASON DEVICE", numbers in hexadecimal. Of several
 * within a millisecond or two it has the last, and says how many it lacks; it
 * goes before all else on its processor, lest that be longer. Ends when it is
 * killed.
 */
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/isolation/fault_record.h"

#define POLL_US 1000

int main(void)
{
	unsigned long seen = faults_reported(), now;
	const struct sched_param first = { .sched_priority = 1 };
	struct fault_record record;
	struct fault_unit unit;
	char text[FAULT_TEXT];

	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		perror("faultlog: no real-time priority, may miss faults");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	fault_unit_open(&unit);
	(void)printf("ready\n");
	for (;; seen = now) {
		while ((now = faults_reported()) == seen)
			(void)usleep(POLL_US);
		if (now > seen + 1)
			(void)printf("missed %lu\n", now - seen - 1);
		record = fault_unit_last(&unit);
		(void)printf("%s\n", fault_text(&record, text));
	}
}
