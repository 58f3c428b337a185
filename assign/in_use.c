// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which PCI functions the host itself cannot do without: those that a
 * mounted file system or active swap lies on, and those that carry the only
 * default route.
 *
 * It goes from the use down to the hardware. sysfs names each block device
 * and network interface by a path through its PCI function, so a function
 * is in use when its address is a component of such a path. What is stacked
 * (dm, md, bcache; bond, bridge, VLAN) names what it stands on by links.
 *
 * Vocabulary: a use is one such path, with the words for it; a stack is the
 * way from a block device or interface down to its hardware.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "assign/host_pci_internal.h"
#include "assign/in_use.h"
#include "assign/in_use_route.h"
#include "common/io.h"
#include "common/parse.h"
#include "common/util.h"

enum use_kind { USE_MOUNT, USE_SWAP };

struct use {
	enum use_kind kind;
	char *path;  /* in sysfs, without links */
	char *where; /* mount point; empty for swap */
	char *disk;  /* "/dev/dm-0", as people know it */
};

struct in_use {
	const struct moat_host *host;
	struct use *uses;
	size_t n_uses;
	struct in_use_routes routes;
};

/* What a block device is used for, while its stack is walked. */
struct purpose {
	enum use_kind kind;
	const char *where;
	const char *disk;
};

/* Text from mount points reaches terminals: nothing but plain characters. */
static char *dup_printable(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

static void use_clear(struct use *use)
{
	free(use->path);
	free(use->where);
	free(use->disk);
}

static int add_use(struct in_use *u, const struct purpose *why,
		   const char *path)
{
	struct use use = { .kind = why->kind }, *grown;

	for (size_t i = 0; i < u->n_uses; i++)
		if (u->uses[i].kind == why->kind &&
		    strcmp(u->uses[i].path, path) == 0)
			return 0; /* bind mounts, other namespaces */
	use.path = strdup(path);
	use.where = dup_printable(why->where);
	use.disk = dup_printable(why->disk);
	grown = realloc(u->uses, (u->n_uses + 1) * sizeof(*grown));
	if (grown)
		u->uses = grown;
	if (!use.path || !use.where || !use.disk || !grown) {
		use_clear(&use);
		return -ENOMEM;
	}
	u->uses[u->n_uses++] = use;
	return 0;
}

/* Add what each entry of @dir whose name starts with @prefix links to. */
static int add_links(struct in_use *u, const struct purpose *why,
		     const char *dir, const char *prefix)
{
	const struct dirent *entry;
	char link[PATH_MAX], *path;
	struct stat st;
	int r = 0;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return 0;
	while (r == 0 && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' ||
		    strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		if (moat_path(link, "%s/%s", dir, entry->d_name) < 0 ||
		    lstat(link, &st) < 0 || !S_ISLNK(st.st_mode))
			continue;
		path = realpath(link, NULL);
		if (path)
			r = add_use(u, why, path);
		free(path);
	}
	(void)closedir(d);
	return r;
}

/*
 * Add what @path stands on. A partition has no links of its own: its disk
 * has them. A disk of an NVMe subsystem is reached through any of the
 * controllers that the subsystem's directory links to, and lies in none.
 */
static int add_below(struct in_use *u, const struct purpose *why,
		     const char *path)
{
	char disk[PATH_MAX], sub[PATH_MAX];
	char *slash;
	int r;

	if (moat_path(sub, "%s/partition", path) < 0 ||
	    moat_path(disk, "%s", path) < 0)
		return 0;
	slash = strrchr(disk, '/');
	if (access(sub, F_OK) == 0 && slash)
		*slash = '\0';
	if (moat_path(sub, "%s/slaves", disk) == 0) {
		r = add_links(u, why, sub, "");
		if (r < 0)
			return r;
	}
	slash = strrchr(disk, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	slash = strrchr(disk, '/');
	if (!slash || strncmp(slash + 1, "nvme-subsys", 11))
		return 0;
	return add_links(u, why, disk, "nvme");
}

/*
 * All that the uses from @first on stand on. Each path is a use once, so this
 * ends even where links go round; and it takes no more stack for more of
 * them, as threads have little.
 */
static int add_stacks(struct in_use *u, size_t first)
{
	int r = 0;

	for (size_t i = first; r == 0 && i < u->n_uses; i++) {
		/* The array moves as it grows; its strings do not. */
		const struct use use = u->uses[i];
		const struct purpose why = { use.kind, use.where, use.disk };

		r = add_below(u, &why, use.path);
	}
	return r;
}

static int add_block_link(struct in_use *u, enum use_kind kind,
			  const char *where, const char *link)
{
	struct purpose why = { .kind = kind, .where = where };
	const size_t first = u->n_uses;
	char disk[NAME_MAX], *path;
	int r;

	path = realpath(link, NULL);
	if (!path)
		return 0; /* no such block device: a file system without one */
	(void)snprintf(disk, sizeof(disk), "/dev/%s", strrchr(path, '/') + 1);
	why.disk = disk;
	r = add_use(u, &why, path);
	free(path);
	return r < 0 ? r : add_stacks(u, first);
}

static int add_block(struct in_use *u, enum use_kind kind, const char *where,
		     unsigned int maj, unsigned int min)
{
	char link[PATH_MAX];

	if (moat_path(link, "%s/dev/block/%u:%u", u->host->sysfs, maj, min) < 0)
		return 0;
	return add_block_link(u, kind, where, link);
}

/* Where sysfs has a node such as /dev/sda1: by number, else by name. */
static int node_link(const struct in_use *u, const char *node,
		     char ret_link[PATH_MAX])
{
	char path[PATH_MAX];
	struct stat st;

	if (strncmp(node, "/dev/", 5))
		return -EINVAL;
	if (moat_path(path, "%s/%s", u->host->dev, node + 5) == 0 &&
	    stat(path, &st) == 0 && S_ISBLK(st.st_mode))
		return moat_path(ret_link, "%s/dev/block/%u:%u", u->host->sysfs,
				 major(st.st_rdev), minor(st.st_rdev));
	return moat_path(ret_link, "%s/class/block/%s", u->host->sysfs,
			 strrchr(node, '/') + 1);
}

static int add_node(struct in_use *u, enum use_kind kind, const char *where,
		    const char *node)
{
	char link[PATH_MAX];

	if (node_link(u, node, link) < 0)
		return 0;
	return add_block_link(u, kind, where, link);
}

/* All disks of a mounted btrfs, of which mountinfo names only one. */
static int add_btrfs(struct in_use *u, const char *where, const char *node)
{
	struct purpose why = { .kind = USE_MOUNT, .where = where };
	char dir[PATH_MAX], link[PATH_MAX], disk[NAME_MAX], *path;
	const size_t first = u->n_uses;
	const struct dirent *entry;
	const char *name;
	int r = 0;
	DIR *d;

	if (node_link(u, node, link) < 0 ||
	    moat_path(dir, "%s/fs/btrfs", u->host->sysfs) < 0)
		return 0;
	path = realpath(link, NULL);
	if (!path)
		return 0;
	(void)snprintf(disk, sizeof(disk), "/dev/%s", strrchr(path, '/') + 1);
	free(path);
	name = strrchr(disk, '/') + 1;
	why.disk = disk;
	d = opendir(dir);
	if (!d)
		return 0;
	while (r == 0 && (entry = readdir(d))) {
		if (moat_path(link, "%s/%s/devices/%s", dir, entry->d_name,
			      name) < 0 ||
		    access(link, F_OK) < 0)
			continue;
		*strrchr(link, '/') = '\0';
		r = add_links(u, &why, link, "");
	}
	(void)closedir(d);
	return r < 0 ? r : add_stacks(u, first);
}

/* A 9p file system that a virtio device serves is mounted by its tag. */
static int add_9p(struct in_use *u, const char *where, const char *tag)
{
	struct purpose why = { .kind = USE_MOUNT, .where = where };
	char dir[PATH_MAX], path[PATH_MAX], text[64];
	char disk[NAME_MAX], *device;
	const struct dirent *entry;
	int r = 0;
	DIR *d;

	(void)snprintf(disk, sizeof(disk), "9p share %s", tag);
	why.disk = disk;
	if (moat_path(dir, "%s/bus/virtio/drivers/9pnet_virtio",
		      u->host->sysfs) < 0)
		return 0;
	d = opendir(dir);
	if (!d)
		return 0;
	while (r == 0 && (entry = readdir(d))) {
		if (moat_path(path, "%s/%s/mount_tag", dir, entry->d_name) < 0 ||
		    moat_read_text(path, text, sizeof(text)) < 0 ||
		    strcmp(text, tag))
			continue;
		*strrchr(path, '/') = '\0';
		device = realpath(path, NULL);
		if (device)
			r = add_use(u, &why, device);
		free(device);
	}
	(void)closedir(d);
	return r;
}

/*
 * One line: "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/sda1 rw".
 * A file system that lies on several disks has a number of its own instead
 * of its disk's; its source then names one of them.
 * Source: proc_pid_mountinfo(5).
 */
static int add_mount(struct in_use *u, char *line)
{
	char *where, *fstype, *source, *save = NULL;
	unsigned int maj, min;
	int r;

	if (sscanf(line, "%*u %*u %u:%u", &maj, &min) != 2)
		return 0;
	source = strstr(line, " - ");
	if (!source)
		return 0;
	*source = '\0';
	fstype = strtok_r(source + 3, " \n", &save);
	source = strtok_r(NULL, " \n", &save);
	save = NULL;
	where = strtok_r(line, " ", &save);
	for (unsigned int i = 0; where && i < 4; i++)
		where = strtok_r(NULL, " ", &save);
	if (!where || !fstype || !source)
		return 0;
	r = add_block(u, USE_MOUNT, where, maj, min);
	if (r == 0 && maj == 0)
		r = add_node(u, USE_MOUNT, where, source);
	if (r == 0 && strcmp(fstype, "btrfs") == 0)
		r = add_btrfs(u, where, source);
	if (r == 0 && strcmp(fstype, "9p") == 0)
		r = add_9p(u, where, source);
	return r;
}

/* "/dev/dm-1  partition  8388604  0  -2"; swap files lie on mounts. */
static int add_swap(struct in_use *u, char *line)
{
	char *save = NULL;
	char *node = strtok_r(line, " \t", &save);

	return node ? add_node(u, USE_SWAP, "", node) : 0;
}

static int add_route4(struct in_use *u, char *line)
{
	return in_use_add_route4(&u->routes, line);
}

static int add_route6(struct in_use *u, char *line)
{
	return in_use_add_route6(&u->routes, line);
}

/*
 * The files that tell. Process 1 sees mounts that a namespace of our own
 * may hide; where it may not be read, ours must do.
 */
static const struct {
	const char *name;
	bool required;
	int (*add)(struct in_use *u, char *line);
} sources[] = {
	{ "self/mountinfo", true, add_mount },
	{ "1/mountinfo", false, add_mount },
	{ "swaps", false, add_swap },
	{ "net/route", false, add_route4 },
	{ "net/ipv6_route", false, add_route6 },
};

static int scan_file(struct in_use *u, const char *path,
		     int (*add)(struct in_use *u, char *line))
{
	char *line = NULL;
	size_t size = 0;
	int r = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && getline(&line, &size, f) >= 0)
		r = add(u, line);
	if (r == 0 && ferror(f))
		r = -EIO;
	free(line);
	(void)fclose(f);
	return r;
}

int in_use_scan(const struct moat_host *host, struct in_use **ret_uses,
		struct moat_err *err)
{
	char path[PATH_MAX];
	struct in_use *u;
	int r;

	u = calloc(1, sizeof(*u));
	if (!u)
		return moat_fail(err, -ENOMEM, "out of memory");
	u->host = host;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		r = moat_path(path, "%s/%s", host->procfs, sources[i].name);
		if (r == 0)
			r = scan_file(u, path, sources[i].add);
		if (r < 0 && (sources[i].required || r == -ENOMEM)) {
			in_use_free(u);
			return moat_fail(err, r,
					 "cannot tell which devices the host "
					 "uses: %s: %s",
					 path, strerror(-r));
		}
	}
	*ret_uses = u;
	return 0;
}

void in_use_free(struct in_use *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n_uses; i++)
		use_clear(&u->uses[i]);
	free(u->uses);
	free(u->routes.routes);
	free(u);
}

/* How many virtual functions a physical one has; they go when it goes. */
static unsigned int count_vfs(const struct moat_host *host, struct moat_bdf bdf)
{
	char path[PATH_MAX], text[32];
	uint64_t n;

	if (host_pci_attr(host, bdf, "sriov_numvfs", path) < 0 ||
	    moat_read_text(path, text, sizeof(text)) < 0 ||
	    moat_parse_u64(text, 10, &n) < 0 || n > UINT16_MAX)
		return 0;
	return (unsigned int)n;
}

struct clauses {
	char *buf;
	size_t size, len;
};

static void add_clause(struct clauses *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_clause(struct clauses *c, const char *fmt, ...)
{
	char clause[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	(void)vsnprintf(clause, sizeof(clause), fmt, ap);
	va_end(ap);
	n = snprintf(c->buf + c->len, c->size - c->len, "%s%s",
		     c->len ? "; " : "", clause);
	if (n > 0)
		c->len += min_u64((uint64_t)n, c->size - c->len - 1);
}

/* The first of its kind by name, the others by their number. */
static void add_use_clause(struct clauses *c, const struct in_use *u,
			   enum use_kind kind, const char *addr)
{
	const struct use *first = NULL;
	size_t more = 0;
	char rest[64] = "";

	for (size_t i = 0; i < u->n_uses; i++) {
		const struct use *use = &u->uses[i];

		if (use->kind != kind || !in_use_path_through(use->path, addr))
			continue;
		if (!first)
			first = use;
		else if (strcmp(use->disk, first->disk))
			more++;
	}
	if (!first)
		return;
	if (more)
		(void)snprintf(rest, sizeof(rest), " (and %zu more)", more);
	if (kind == USE_SWAP)
		add_clause(c, "the host swaps to %s%s", first->disk, rest);
	else
		add_clause(c, "%s is mounted on %s%s", first->disk,
			   first->where, rest);
}

void in_use_find(const struct in_use *u, struct moat_bdf bdf, char *buf,
		 size_t size)
{
	struct clauses c = { .buf = buf, .size = size };
	const char *only4, *only6;
	char addr[MOAT_BDF_STRLEN];
	unsigned int n_vfs;

	buf[0] = '\0';
	(void)moat_bdf_str(bdf, addr);
	add_use_clause(&c, u, USE_MOUNT, addr);
	add_use_clause(&c, u, USE_SWAP, addr);
	only4 = in_use_only_route(u->host, &u->routes, 4, addr);
	only6 = in_use_only_route(u->host, &u->routes, 6, addr);
	if (only4)
		add_clause(&c, "the only default route goes through it (%s)",
			   only4);
	else if (only6)
		add_clause(&c,
			   "the only IPv6 default route goes through it (%s)",
			   only6);
	n_vfs = count_vfs(u->host, bdf);
	if (n_vfs)
		add_clause(&c, "%u virtual functions of it are enabled", n_vfs);
}
