// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cycles: opens, uses and closes PCI devices over and over in one process, all
 * of them at once over one address space, and finds what that leaves behind.
 *
 *	cycles N host=BDF...
 *
 * Each cycle has the devices' BARs mapped, a table of MSI-X written and its
 * interrupt connected, or that of MSI; edu also interrupts. After the last
 * cycle the process holds what it held after the first: file descriptors,
 * mappings, memory, the kernel's interrupts; and a VMM was asked to undo all
 * that it was asked to do.
 */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <moat/device.h>

#define IOVA	    0x100000u
#define PAGE	    4096u
#define BAR_AT	    0xe0000000u
#define BAR_STEP    0x100000u /* the largest BAR here */
#define MAX_DEVICES 4
#define MAX_TRAPS   16

#define EDU	    0x11e81234u
#define EDU_RAISE   0x60
#define EDU_ACK	    0x64

/* In the place of a VMM: what it has been asked to do, and to undo. */
struct place {
	uint8_t *bar0;
	const struct moat_trap *traps[MAX_TRAPS];
	int maps, routes, pins; /* now */
	int mapped, routed;	/* ever */
	int irq_fd;
};

struct user {
	pthread_t thread;
	struct moat_device_spec spec;
	struct place place;
	struct moat_err err;
	int result;
};

struct holding {
	int fds;
	int mappings;
	int interrupts;
	long rss_kib;
	size_t heap;
};

static struct user users[MAX_DEVICES];
static struct moat_bdf guest[MAX_DEVICES];
static size_t n_users;
static struct moat_ioas *ioas;
static pthread_barrier_t together;

static int place_map(void *vmm, uint64_t at, uint64_t len, void *host,
		     unsigned int *ret_handle)
{
	struct place *place = vmm;

	(void)len;
	if (at == BAR_AT)
		place->bar0 = host;
	place->maps++;
	place->mapped++;
	*ret_handle = 0;
	return 0;
}

static void place_unmap(void *vmm, unsigned int handle)
{
	(void)handle;
	((struct place *)vmm)->maps--;
}

static int place_trap(void *vmm, const struct moat_trap *trap)
{
	struct place *place = vmm;

	for (size_t i = 0; i < MAX_TRAPS; i++) {
		if (!place->traps[i]) {
			place->traps[i] = trap;
			return 0;
		}
	}
	return -ENOMEM;
}

static void place_untrap(void *vmm, const struct moat_trap *trap)
{
	struct place *place = vmm;

	for (size_t i = 0; i < MAX_TRAPS; i++)
		if (place->traps[i] == trap)
			place->traps[i] = NULL;
}

static int place_connect(void *vmm, int fd, const struct moat_msi_msg *msg,
			 unsigned int *ret_route)
{
	struct place *place = vmm;

	(void)msg;
	place->irq_fd = fd;
	place->routes++;
	place->routed++;
	*ret_route = 0;
	return 0;
}

static void place_disconnect(void *vmm, unsigned int route)
{
	(void)route;
	((struct place *)vmm)->routes--;
}

static int place_pin(void *vmm, unsigned int pin, int trigger_fd,
		     int resample_fd)
{
	(void)pin;
	(void)trigger_fd;
	(void)resample_fd;
	((struct place *)vmm)->pins++;
	return 0;
}

static void place_unpin(void *vmm, unsigned int pin, int trigger_fd)
{
	(void)pin;
	(void)trigger_fd;
	((struct place *)vmm)->pins--;
}

static const struct moat_vmm_ops place_ops = {
	.map_memory = place_map,
	.unmap_memory = place_unmap,
	.trap = place_trap,
	.untrap = place_untrap,
	.intx_connect = place_pin,
	.intx_disconnect = place_unpin,
	.msi_connect = place_connect,
	.msi_disconnect = place_disconnect,
};

static uint16_t find_capability(struct moat_device *dev, unsigned int id)
{
	uint16_t at = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT;

	do
		at = (uint16_t)moat_device_config_read(
			dev, at + PCI_CAP_LIST_NEXT, 1);
	while (at && moat_device_config_read(dev, at, 1) != id);
	return at;
}

static void place_bars(struct moat_device *dev)
{
	struct moat_bar_info bar;

	for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
		uint16_t at = (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i);

		moat_device_bar(dev, i, &bar);
		if (bar.kind != MOAT_BAR_MEM32 && bar.kind != MOAT_BAR_MEM64)
			continue;
		moat_device_config_write(dev, at, 4, BAR_AT + i * BAR_STEP);
		if (bar.kind == MOAT_BAR_MEM64)
			moat_device_config_write(dev, at + 4, 4, 0);
	}
}

static int write_entry(const struct place *place, uint64_t at)
{
	static const uint32_t entry[] = { 0xfee00000, 0, 0x30, 0 };

	for (size_t i = 0; i < MAX_TRAPS; i++) {
		const struct moat_trap *t = place->traps[i];

		if (!t || t->space != MOAT_TRAP_MMIO || at < t->first ||
		    at + PCI_MSIX_ENTRY_SIZE - 1 > t->last)
			continue;
		for (unsigned int word = 0; word < 4; word++)
			t->write(t->opaque, at - t->first + word * 4, 4,
				 entry[word]);
		return 0;
	}
	return -ENXIO;
}

static int start_interrupts(struct moat_device *dev, struct place *place)
{
	uint16_t cap = find_capability(dev, PCI_CAP_ID_MSIX);
	uint32_t table;
	int r;

	if (cap) {
		table = moat_device_config_read(dev, cap + PCI_MSIX_TABLE, 4);
		r = write_entry(place, BAR_AT +
					       (table & PCI_MSIX_TABLE_BIR) *
						       BAR_STEP +
					       (table & PCI_MSIX_TABLE_OFFSET));
		if (r < 0)
			return r;
		moat_device_config_write(dev, cap + PCI_MSIX_FLAGS, 2,
					 PCI_MSIX_FLAGS_ENABLE);
	} else {
		cap = find_capability(dev, PCI_CAP_ID_MSI);
		if (cap)
			moat_device_config_write(dev, cap + PCI_MSI_FLAGS, 2,
						 PCI_MSI_FLAGS_ENABLE);
	}
	return place->routes ? 0 : -ENOTCONN;
}

static int interrupt(const struct place *place)
{
	struct pollfd ready = { .fd = place->irq_fd, .events = POLLIN };

	*(volatile uint32_t *)(place->bar0 + EDU_RAISE) = 1;
	if (poll(&ready, 1, 60000) != 1)
		return -ETIMEDOUT;
	*(volatile uint32_t *)(place->bar0 + EDU_ACK) = 1;
	return 0;
}

static int use(struct moat_device *dev, struct user *user)
{
	struct place *place = &user->place;
	int r = moat_device_plug(dev, &place_ops, place, MOAT_PLUG_PCIE,
				 &user->err);

	if (r < 0)
		return r;
	moat_device_arm(dev);
	place_bars(dev);
	moat_device_config_write(dev, PCI_COMMAND, 2,
				 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!place->maps || !place->bar0)
		return moat_fail(&user->err, -EIO, "no BAR is mapped");
	r = start_interrupts(dev, place);
	if (r == 0 && moat_device_config_read(dev, PCI_VENDOR_ID, 4) == EDU)
		r = interrupt(place);
	return r < 0 ? moat_fail(&user->err, r, "interrupts: %s", strerror(-r))
		     : 0;
}

static void *cycle(void *arg)
{
	struct user *user = arg;
	const struct moat_device_params params = { .spec = &user->spec,
						   .ioas = ioas,
						   .same_guest = guest,
						   .n_same_guest = n_users };
	struct moat_device *dev = NULL;

	(void)pthread_barrier_wait(&together);
	memset(&user->place, 0, sizeof(user->place));
	user->place.irq_fd = -1;
	user->result = moat_device_open(&params, &dev, &user->err);
	if (user->result == 0)
		user->result = use(dev, user);
	moat_device_close(dev);
	for (size_t i = 0; i < MAX_TRAPS; i++)
		if (user->result == 0 && user->place.traps[i])
			user->result =
				moat_fail(&user->err, -EBUSY, "a trap is left");
	if (user->result == 0 &&
	    (user->place.maps || user->place.routes || user->place.pins))
		user->result = moat_fail(
			&user->err, -EBUSY,
			"%d mappings, %d routes and %d pins are left",
			user->place.maps, user->place.routes, user->place.pins);
	/* All of them live at once, and so have each a stack. */
	(void)pthread_barrier_wait(&together);
	return NULL;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* Lines of @path with @word in them. */
static int count_lines(const char *path, const char *word)
{
	static char line[65536];
	FILE *f = fopen(path, "re");
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	(void)fclose(f);
	return n;
}

static long rss_kib(void)
{
	long pages = -1;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return -1;
	if (fscanf(f, "%*s %ld", &pages) != 1)
		pages = -1;
	(void)fclose(f);
	return pages * (PAGE / 1024);
}

static struct holding holding_now(void)
{
	return (struct holding) {
		.fds = count_fds(),
		.mappings = count_lines("/proc/self/maps", "\n"),
		.interrupts = count_lines("/proc/interrupts", "vfio"),
		.rss_kib = rss_kib(),
		.heap = mallinfo2().uordblks,
	};
}

static void print(const char *when, const struct holding *h)
{
	(void)printf("cycles: %s: %d files, %d mappings, %d interrupts, %ld KiB"
		     " resident, %zu bytes of heap\n",
		     when, h->fds, h->mappings, h->interrupts, h->rss_kib,
		     h->heap);
}

static int run_all(unsigned long n)
{
	for (size_t i = 0; i < n_users; i++)
		if (pthread_create(&users[i].thread, NULL, cycle, &users[i]))
			abort(); /* the others wait for it */
	for (size_t i = 0; i < n_users; i++)
		(void)pthread_join(users[i].thread, NULL);
	for (size_t i = 0; i < n_users; i++) {
		if (users[i].result < 0) {
			(void)fprintf(stderr, "cycles: cycle %lu: %s\n", n,
				      users[i].err.msg);
			return -1;
		}
	}
	return 0;
}

static int compare(const struct holding *first, const struct holding *last)
{
	/* The C library's caches may settle; a block a cycle is a leak. */
	if (last->fds != first->fds || last->mappings != first->mappings ||
	    last->interrupts != 0 || first->interrupts != 0 ||
	    last->rss_kib > first->rss_kib + 512 ||
	    last->heap > first->heap + 256) {
		(void)fprintf(stderr, "cycles: something is left behind\n");
		return -1;
	}
	return 0;
}

static int set_up(int argc, char **argv, struct moat_err *err)
{
	const struct moat_ioas_config config = { .backend = NULL };
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = page == MAP_FAILED ? -ENOMEM : 0;

	for (int i = 2; i < argc && r == 0; i++) {
		r = moat_device_spec_parse(argv[i], &users[n_users].spec, err);
		guest[n_users] = users[n_users].spec.host;
		n_users++;
	}
	if (r == 0)
		r = moat_ioas_create(&config, &ioas, err);
	if (r == 0)
		r = moat_ioas_map(ioas, IOVA, PAGE, page,
				  MOAT_DMA_READ | MOAT_DMA_WRITE, err);
	return r;
}

int main(int argc, char **argv)
{
	static char output[BUFSIZ];
	struct moat_err err = { "no memory" };
	struct holding first, last;
	unsigned long n;

	if (argc < 3 || argc > 2 + MAX_DEVICES) {
		(void)fprintf(stderr, "usage: cycles N host=BDF...\n");
		return 2;
	}
	/* Not from the heap, in the midst of the cycles. */
	(void)setvbuf(stdout, output, _IOLBF, sizeof(output));
	(void)mallopt(M_ARENA_MAX, 1);
	n = strtoul(argv[1], NULL, 10);
	if (set_up(argc, argv, &err) < 0) {
		(void)fprintf(stderr, "cycles: %s\n", err.msg);
		return 1;
	}
	(void)pthread_barrier_init(&together, NULL, (unsigned int)n_users);
	for (unsigned long i = 0; i < n; i++) {
		if (run_all(i) < 0)
			return 1;
		last = holding_now();
		if (i == 0) {
			first = last;
			print("after the first", &first);
		}
	}
	print("after the last", &last);
	for (size_t i = 0; i < n_users; i++)
		(void)printf("cycles: device %zu: %d BARs mapped, %d vectors\n",
			     i, users[i].place.mapped, users[i].place.routed);
	moat_ioas_destroy(ioas);
	if (n == 0 || compare(&first, &last) < 0)
		return 1;
	(void)printf("cycles: %lu with %zu devices, nothing left behind\n", n,
		     n_users);
	return 0;
}
