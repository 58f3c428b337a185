// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What must be put back for a function taken from its driver, on file.
 *
 * One small file a function, named by its address, in the state directory.
 * A record is there before the first change is made to the function, and
 * goes after the last one is undone. So whatever dies in between, the record
 * tells what the function was like.
 *
 * The state directory lies in /run: a reboot undoes the bindings and forgets
 * the records together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "assign/claim_record.h"
#include "assign/host_pci_internal.h"
#include "common/host.h"
#include "common/io.h"
#include "common/parse.h"

#define LOCK_WAIT_MS 30000
#define LOCK_POLL_MS 10

static const char record_heading[] = "moat-claim 1";

/* Say what cannot be done with a state file, and what would help. */
static int fail_state(struct moat_err *err, int r, const char *verb,
		      const char *path)
{
	bool denied = r == -EACCES || r == -EPERM;

	return moat_fail(err, r, "cannot %s %s: %s%s", verb, path, strerror(-r),
			 denied ? "; this needs root" : "");
}

/* The next line of *@text, cut off there; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text;
	char *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* What follows "@key=" in the next line, or NULL. */
static const char *next_value(char **text, const char *key)
{
	const size_t len = strlen(key);
	const char *line = next_line(text);

	if (!line || strncmp(line, key, len) || line[len] != '=')
		return NULL;
	return line + len + 1;
}

/* A name of sysfs: it becomes part of paths, so it must not leave them. */
static int parse_driver(const char *value, char ret[MOAT_DRIVER_MAX])
{
	if (!value || strlen(value) >= MOAT_DRIVER_MAX || strchr(value, '/') ||
	    strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return -EINVAL;
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

/* A word of the kernel's, "DMA-FQ" say. */
static int parse_type(const char *value, char ret[GROUP_TYPE_MAX])
{
	size_t len = value ? strlen(value) : 0;

	if (len == 0 || len >= GROUP_TYPE_MAX ||
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "0123456789-_") != len)
		return -EINVAL;
	memcpy(ret, value, len + 1);
	return 0;
}

static int parse_owner(char **text, struct claim_owner *ret)
{
	const char *pid_text = next_value(text, "owner-pid");
	const char *start_text = next_value(text, "owner-start");
	uint64_t pid, start;

	if (!pid_text || !start_text || moat_parse_u64(pid_text, 10, &pid) ||
	    moat_parse_u64(start_text, 10, &start) || pid > INT_MAX)
		return -EINVAL;
	ret->pid = (int)pid;
	ret->start_jiffies = start;
	return 0;
}

int claim_record_parse(const char *text, struct claim_record *ret_rec)
{
	struct claim_record rec = { .put_off = false };
	char copy[CLAIM_RECORD_TEXT_MAX];
	const char *value;
	char *at = copy;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	value = next_line(&at);
	if (!value || strcmp(value, record_heading))
		return -EINVAL;
	if (parse_driver(next_value(&at, "driver"), rec.driver) < 0 ||
	    parse_driver(next_value(&at, "override"), rec.override) < 0 ||
	    parse_owner(&at, &rec.owner) < 0)
		return -EINVAL;
	value = next_value(&at, "put-off");
	if (!value || (strcmp(value, "0") && strcmp(value, "1")))
		return -EINVAL;
	rec.put_off = *value == '1';
	if (*at && parse_type(next_value(&at, "group-type"), rec.group_type) < 0)
		return -EINVAL;
	if (*at)
		return -EINVAL;
	*ret_rec = rec;
	return 0;
}

void claim_record_print(const struct claim_record *rec,
			char buf[CLAIM_RECORD_TEXT_MAX])
{
	bool typed = rec->group_type[0] != '\0';

	(void)snprintf(buf, CLAIM_RECORD_TEXT_MAX,
		       "%s\ndriver=%s\noverride=%s\nowner-pid=%d\n"
		       "owner-start=%" PRIu64 "\nput-off=%d\n%s%s%s",
		       record_heading, rec->driver, rec->override,
		       rec->owner.pid, rec->owner.start_jiffies, rec->put_off,
		       typed ? "group-type=" : "", rec->group_type,
		       typed ? "\n" : "");
}

static int record_path(const struct moat_host *host, struct moat_bdf bdf,
		       const char *suffix, char ret_path[PATH_MAX])
{
	char addr[MOAT_BDF_STRLEN];

	return moat_path(ret_path, "%s/%s%s", host->state,
			 moat_bdf_str(bdf, addr), suffix);
}

int claim_record_load(const struct moat_host *host, struct moat_bdf bdf,
		      struct claim_record *ret_rec, struct moat_err *err)
{
	char path[PATH_MAX];
	size_t len;
	void *text;
	int r;

	r = record_path(host, bdf, "", path);
	if (r < 0)
		return fail_state(err, r, "read", path);
	r = moat_read_file(path, CLAIM_RECORD_TEXT_MAX, &text, &len);
	if (r < 0)
		return fail_state(err, r, "read", path);
	r = claim_record_parse(text, ret_rec);
	free(text);
	if (r < 0)
		return moat_fail(err, r,
				 "%s is not a record that this moat wrote; put "
				 "the device back by hand and remove the file",
				 path);
	return 0;
}

/* A rename is only as lasting as the directory that it changed. */
static int sync_dir(const char *path)
{
	int fd, r = 0;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

static int write_new(const char *path, const char *text)
{
	int fd, r;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	r = moat_write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlink(path);
	return r;
}

int claim_record_save(const struct moat_host *host, struct moat_bdf bdf,
		      const struct claim_record *rec, struct moat_err *err)
{
	char path[PATH_MAX], new_path[PATH_MAX], text[CLAIM_RECORD_TEXT_MAX];
	int r;

	r = record_path(host, bdf, "", path);
	if (r == 0)
		r = record_path(host, bdf, ".new", new_path);
	if (r < 0)
		return fail_state(err, r, "write", path);
	claim_record_print(rec, text);
	r = write_new(new_path, text);
	if (r < 0)
		return fail_state(err, r, "write", new_path);
	if (rename(new_path, path) < 0) {
		r = -errno;
		(void)unlink(new_path);
		return fail_state(err, r, "write", path);
	}
	r = sync_dir(host->state);
	if (r < 0)
		return fail_state(err, r, "write", host->state);
	return 0;
}

int claim_record_remove(const struct moat_host *host, struct moat_bdf bdf,
			struct moat_err *err)
{
	char path[PATH_MAX];
	int r;

	r = record_path(host, bdf, "", path);
	if (r == 0 && unlink(path) < 0)
		r = -errno;
	if (r < 0 && r != -ENOENT)
		return fail_state(err, r, "remove", path);
	return 0;
}

/*
 * Others must not be able to plant records: they make root write to sysfs.
 * So the directory is ours alone, whoever made it.
 */
static int make_state_dir(const struct moat_host *host, struct moat_err *err)
{
	struct stat st;

	if (mkdir(host->state, 0700) < 0 && errno != EEXIST)
		return fail_state(err, -errno, "create", host->state);
	if (lstat(host->state, &st) < 0)
		return fail_state(err, -errno, "use", host->state);
	if (!S_ISDIR(st.st_mode))
		return fail_state(err, -ENOTDIR, "use", host->state);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return moat_fail(err, -EACCES,
				 "%s does not belong to user %d alone; records "
				 "of bound devices would not be safe in it. "
				 "Run moat as its owner, or remove it",
				 host->state, (int)geteuid());
	return 0;
}

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
			       .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/*
 * Lock a file that goes away with its lock. The one that was opened may be
 * gone from its name by the time it is locked; then it locks nothing.
 * Return: 0, or -EAGAIN when it is somebody else's for now.
 */
static int try_lock(const char *path, int *ret_fd)
{
	struct stat opened, named;
	int fd, r;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
		goto close_fd;
	}
	if (fstat(fd, &opened) < 0) {
		r = -errno;
		goto close_fd;
	}
	if (stat(path, &named) == 0 && named.st_ino == opened.st_ino &&
	    named.st_dev == opened.st_dev) {
		*ret_fd = fd;
		return 0;
	}
	r = -EAGAIN;
close_fd:
	(void)close(fd);
	return r;
}

int claim_lock(const struct moat_host *host, struct moat_bdf bdf,
	       struct claim_lock *ret_lock, struct moat_err *err)
{
	char addr[MOAT_BDF_STRLEN];
	int r;

	r = make_state_dir(host, err);
	if (r < 0)
		return r;
	r = record_path(host, bdf, ".lock", ret_lock->path);
	if (r < 0)
		return fail_state(err, r, "open", ret_lock->path);
	for (int waited_ms = 0; waited_ms < LOCK_WAIT_MS;
	     waited_ms += LOCK_POLL_MS) {
		r = try_lock(ret_lock->path, &ret_lock->fd);
		if (r != -EAGAIN)
			break;
		sleep_ms(LOCK_POLL_MS);
	}
	if (r == -EAGAIN)
		return moat_fail(err, -EBUSY,
				 "%s: another moat has been binding or "
				 "releasing it for the last %d s",
				 moat_bdf_str(bdf, addr), LOCK_WAIT_MS / 1000);
	if (r < 0)
		return fail_state(err, r, "lock", ret_lock->path);
	return 0;
}

void claim_unlock(struct claim_lock *lock)
{
	(void)unlink(lock->path);
	(void)close(lock->fd);
}

/*
 * Fields 1 (pid), 3 (state) and 22 (starttime) of /proc/PID/stat. Field 2,
 * the name in parentheses, may hold anything: so count from the last ')'.
 * Source: proc_pid_stat(5).
 */
static int parse_stat(const char *text, char *ret_state,
		      struct claim_owner *ret_owner)
{
	const char *close_paren = strrchr(text, ')');
	struct claim_owner owner;

	if (!close_paren || sscanf(text, "%d", &owner.pid) != 1 ||
	    sscanf(close_paren + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %*d %*d %" SCNu64,
		   ret_state, &owner.start_jiffies) != 2)
		return -EINVAL;
	*ret_owner = owner;
	return 0;
}

static int read_stat(const char *path, char *ret_state,
		     struct claim_owner *ret_owner)
{
	char text[1024];
	int r;

	r = moat_read_text(path, text, sizeof(text));
	return r < 0 ? r : parse_stat(text, ret_state, ret_owner);
}

int claim_self(const struct moat_host *host, struct claim_owner *ret_owner,
	       struct moat_err *err)
{
	char path[PATH_MAX], state;
	int r;

	r = moat_path(path, "%s/self/stat", host->procfs);
	if (r == 0)
		r = read_stat(path, &state, ret_owner);
	if (r < 0)
		return fail_state(err, r, "read", path);
	return 0;
}

bool claim_owner_alive(const struct moat_host *host,
		       const struct claim_owner *owner)
{
	struct claim_owner now;
	char path[PATH_MAX], state;

	if (owner->pid == 0 ||
	    moat_path(path, "%s/%d/stat", host->procfs, owner->pid) < 0 ||
	    read_stat(path, &state, &now) < 0)
		return false;
	return claim_owner_equal(&now, owner) && state != 'Z' && state != 'X';
}
