// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "common/opt.h"
#include "common/util.h"
#include "tests/check_main.h"

struct dst {
	const char *str;
	bool flag, yes;
	int mode;
	unsigned int n;
	uint64_t size;
	struct opt_list list;
};

#define D(field, name, type, ...) \
	OPT(struct dst, field, name, type, __VA_ARGS__)

static const struct opt_desc desc[] = {
	D(str, "host", OPT_STR, .arg = "BDF", .required = true, .help = "a bdf"),
	D(flag, "flag", OPT_FLAG, .help = "a flag"),
	D(yes, "managed", OPT_BOOL, .def = "off", .help = "on|off"),
	D(mode, "dma", OPT_ENUM, .choices = "iommu|none", .def = "iommu",
	  .help = "iommu|none"),
	D(n, "smp", OPT_UINT, .def = "1", .min = 1, .max = 8, .help = "cpus"),
	D(size, "m", OPT_SIZE, .def = "1G", .help = "size"),
	D(list, "dev", OPT_LIST, .help = "devices"),
};

static const struct opt_table table = { desc, ARRAY_SIZE(desc) };

static const struct {
	const char *text;
	int want;
	const char *msg; /* exact, for failures */
} key_cases[] = {
	{ "host=a", 0, NULL },
	{ "host=a,dma=none", 0, NULL },
	{ "dma=none,host=a", 0, NULL },
	{ "", -EINVAL, "-x: there is nothing where a key=value was expected" },
	{ "host=a,", -EINVAL,
	  "-x: there is nothing where a key=value was expected" },
	{ ",host=a", -EINVAL,
	  "-x: there is nothing where a key=value was expected" },
	{ "host=a,,dma=none", -EINVAL,
	  "-x: there is nothing where a key=value was expected" },
	{ "dma=none", -EINVAL, "-x: host is missing" },
	{ "host", -EINVAL, "-x: key 'host' needs a value: a bdf" },
	{ "host=", -EINVAL, "-x: key 'host' needs a value: a bdf" },
	{ "host=a,dma=pvdma", -EINVAL,
	  "-x: 'pvdma' is not a value of dma; expected iommu|none" },
	{ "host=a,dma=non", -EINVAL,
	  "-x: 'non' is not a value of dma; expected iommu|none" },
	{ "host=a,dma=none2", -EINVAL,
	  "-x: 'none2' is not a value of dma; expected iommu|none" },
	{ "host=a,dma=iommu|none", -EINVAL,
	  "-x: 'iommu|none' is not a value of dma; expected iommu|none" },
	{ "host=a,DMA=none", -EINVAL, "-x: unknown key 'DMA'" },
	{ "host=a,dm=none", -EINVAL, "-x: unknown key 'dm'" },
	{ "host=a,host=b", -EINVAL, "-x: host is given twice" },
	{ "host=a,managed=yes", -EINVAL,
	  "-x: 'yes' is not a value of managed; expected off|on" },
	{ "host=a,smp=0", -EINVAL,
	  "-x: '0' is not a value of smp; expected a number from 1 to 8" },
	{ "host=a,smp=9", -EINVAL,
	  "-x: '9' is not a value of smp; expected a number from 1 to 8" },
	{ "host=a,smp=-1", -EINVAL,
	  "-x: '-1' is not a value of smp; expected a number from 1 to 8" },
	{ "host=a,m=0", -EINVAL,
	  "-x: '0' is not a value of m; expected a size such as 512M or 4G" },
	{ "host=a,m=1Gx", -EINVAL,
	  "-x: '1Gx' is not a value of m; expected a size such as 512M or "
	  "4G" },
};

START_TEST(keys_are_checked_one_by_one)
{
	for (size_t i = 0; i < ARRAY_SIZE(key_cases); i++) {
		struct dst dst = { 0 };
		struct moat_err err;
		char text[64];
		int r;

		(void)snprintf(text, sizeof(text), "%s", key_cases[i].text);
		r = opt_parse_keys(&table, "-x", text, &dst, &err);
		ck_assert_msg(r == key_cases[i].want, "%s: %d",
			      key_cases[i].text, r);
		if (r < 0)
			ck_assert_str_eq(err.msg, key_cases[i].msg);
	}
}
END_TEST

START_TEST(keys_reach_their_fields)
{
	char text[] = "host=04:08.0,dma=none,managed=on,smp=3,m=512M,dev=a,"
		      "dev=b";
	struct dst dst = { 0 };

	ck_assert_int_eq(opt_parse_keys(&table, "-x", text, &dst, NULL), 0);
	ck_assert_str_eq(dst.str, "04:08.0");
	ck_assert_int_eq(dst.mode, 1);
	ck_assert(dst.yes);
	ck_assert_uint_eq(dst.n, 3);
	ck_assert_uint_eq(dst.size, 512 * MiB);
	ck_assert_uint_eq(dst.list.n, 2);
	ck_assert_str_eq(dst.list.item[1], "b");
}
END_TEST

static const struct {
	const char *argv[6];
	const char *msg; /* NULL: parses */
} argv_cases[] = {
	{ { "-host", "a" }, NULL },
	{ { "--host", "a", "-flag" }, NULL },
	{ { "-host", "a", "-dev", "x", "-dev", "y" }, NULL },
	{ { "-host", "-" }, NULL },
	{ { "-flag" }, "options: host is missing" },
	{ { "-host" }, "option '-host' needs a value: BDF" },
	{ { "-host", "a", "-host", "b" }, "options: host is given twice" },
	{ { "-host", "a", "-flag", "-flag" }, "options: flag is given twice" },
	{ { "-host", "a", "-flags" }, "unknown option '-flags'" },
	{ { "-host", "a", "---flag" }, "unknown option '---flag'" },
	{ { "-host", "a", "stray" },
	  "'stray' is not an option; nothing was expected here" },
	{ { "-host", "a", "--", "-flag" },
	  "'-flag' is not an option; nothing was expected here" },
	{ { "-host", "a", "-smp", "two" },
	  "-smp: 'two' is not a value of smp; expected a number from 1 to 8" },
};

START_TEST(command_lines_are_checked_word_by_word)
{
	for (size_t i = 0; i < ARRAY_SIZE(argv_cases); i++) {
		char *const *argv = (char *const *)argv_cases[i].argv;
		struct dst dst = { 0 };
		struct moat_err err;
		int argc = 0, r;

		while (argc < 6 && argv[argc])
			argc++;
		r = opt_parse_argv(&table, argc, argv, &dst, NULL, &err);
		if (argv_cases[i].msg) {
			ck_assert_int_eq(r, -EINVAL);
			ck_assert_str_eq(err.msg, argv_cases[i].msg);
		} else {
			ck_assert_msg(r == 0, "case %zu: %s", i, err.msg);
			ck_assert_uint_eq(dst.size, GiB);
		}
	}
}
END_TEST

START_TEST(words_that_are_no_options_are_kept_when_wanted)
{
	static const char *const words[] = {
		"x", "-host", "a", "y", "--", "-z"
	};
	char *const *argv = (char *const *)words;
	struct opt_list pos;
	struct dst dst = { 0 };

	ck_assert_int_eq(opt_parse_argv(&table, 6, argv, &dst, &pos, NULL), 0);
	ck_assert_uint_eq(pos.n, 3);
	ck_assert_str_eq(pos.item[0], "x");
	ck_assert_str_eq(pos.item[2], "-z");
}
END_TEST

CHECK_MAIN("opt", keys_are_checked_one_by_one, keys_reach_their_fields,
	   command_lines_are_checked_word_by_word,
	   words_that_are_no_options_are_kept_when_wanted)
