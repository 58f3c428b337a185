// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening virtual functions whose physical one is VFIO's, on each backend. */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "fake_main.h"
#include "fake_vfio.h"

#define TOKEN "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"
#define OTHER "00000000-5a5f-4f5a-a211-f591514ba1f3"

static const struct moat_bdf dev_a = { 0, 4, 8, 0 };

static struct fake fake;

static const struct {
	const char *wanted; /* by the device; NULL: none */
	const char *given;
	bool old; /* an iommufd that knows no tokens, and asks for none */
	int want, want_iommufd;
	const char *says;
} cases[] = {
	{ NULL, NULL, false, 0, 0, NULL },
	{ TOKEN, TOKEN, false, 0, 0, NULL },
	{ TOKEN, NULL, false, -EPERM, -EPERM,
	  "0000:04:08.0: VFIO asks for a token" },
	{ TOKEN, OTHER, false, -EPERM, -EPERM,
	  "0000:04:08.0: VFIO has another token for it" },
	{ NULL, TOKEN, false, -ENOTSUP, -ENOTSUP,
	  "0000:04:08.0: VFIO takes no token (vf-token) for it" },
	{ TOKEN, TOKEN, true, 0, -ENOTSUP,
	  "0000:04:08.0: VFIO takes no token (vf-token) for it: the kernel is "
	  "older than 6.17, where -iommu type1 does" },
	{ TOKEN, NULL, true, -EPERM, 0, "VFIO asks for a token" },
};

START_TEST(the_right_token_opens_the_device)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int want = fake_is_iommufd() ? cases[i].want_iommufd
					     : cases[i].want;
		struct moat_ioas_config config;
		struct moat_err err = { "" };
		struct moat_ioas *ioas;
		int fd = -1, r;

		fake_init(&fake);
		fake_add_device(&fake, "0000:04:08.0", 7, "vfio-pci")->vf_token =
			cases[i].wanted;
		fake.takes_token = !cases[i].old;
		config = fake_config(&fake);
		ck_assert_int_eq(moat_ioas_create(&config, &ioas, &err), 0);
		r = moat_ioas_attach_vf(ioas, dev_a, cases[i].given, &fd, &err);
		ck_assert_msg(r == want, "case %zu: %d, %s", i, r, err.msg);
		if (r == 0) {
			fake_vfio_ops.close(&fake, fd);
			moat_ioas_detach(ioas, dev_a);
		} else {
			ck_assert_msg(strstr(err.msg, cases[i].says), "%s",
				      err.msg);
		}
		moat_ioas_destroy(ioas);
		fake_assert_clean(&fake);
		fake_fini(&fake);
	}
}
END_TEST

FAKE_MAIN("vf_token", the_right_token_opens_the_device)
