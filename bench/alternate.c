// SPDX-License-Identifier: GPL-2.0-or-later
/* Rounds of a comparison, see alternate.h. */
#include "bench/alternate.h"

static int run_round(struct bench_result *result,
		     const struct bench_contest *contest, unsigned int round,
		     struct moat_err *err)
{
	for (size_t i = 0; i < contest->n_sides; i++) {
		size_t at = round % 2 ? contest->n_sides - 1 - i : i;
		const struct bench_side *side = &contest->sides[at];
		double sample;
		int r;

		bench_result_progress(result, "round %u of %u: %s", round + 1,
				      contest->warm_up + contest->rounds,
				      side->labels);
		r = side->run(side->opaque, &sample, err);
		if (r < 0)
			return moat_fail_prefix(err, r, "%s", side->labels);
		if (round >= contest->warm_up)
			bench_series_add(bench_result_series(result,
							     contest->quantity,
							     side->labels),
					 sample);
	}
	return 0;
}

int bench_alternate(struct bench_result *result,
		    const struct bench_contest *contest, struct moat_err *err)
{
	const struct bench_quantity *quantity = contest->quantity;
	struct bench_series *last, *series;
	int r = 0;

	/* So that they stand in this order whichever has the first sample. */
	for (size_t i = 0; i < contest->n_sides; i++)
		(void)bench_result_series(result, quantity,
					  contest->sides[i].labels);
	for (unsigned int i = 0;
	     r == 0 && i < contest->warm_up + contest->rounds; i++)
		r = run_round(result, contest, i, err);
	last = bench_result_series(result, quantity,
				   contest->sides[contest->n_sides - 1].labels);
	for (size_t i = 0; i < contest->n_sides; i++)
		bench_series_print(bench_result_series(
			result, quantity, contest->sides[i].labels));
	for (size_t i = 0; i + 1 < contest->n_sides; i++) {
		series = bench_result_series(result, quantity,
					     contest->sides[i].labels);
		(void)bench_result_compare(result, series, last);
	}
	return r;
}
