// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cycles: opens, uses and closes PCI devices over and over in one process, each
 * on a thread of its own and all over one address space, and finds what that
 * leaves behind.
 *
 *	cycles N host=BDF...
 *
 * Each cycle has a device's BARs mapped or trapped, a table of MSI-X written
 * and its interrupt connected, or that of MSI or the pin; edu also interrupts.
 * The first is one of all devices together, and the others are as fast as each
 * device can. After the last the process holds what it held after the first:
 * file descriptors, mappings, memory, the kernel's interrupts; and a VMM was
 * asked to undo all that it was asked to do.
 *
 * To be run with
 *	GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0:glibc.malloc.tcache_count=0
 * Else the C library keeps stacks and small blocks that somebody once needed,
 * and they count as used.
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
#define MAX_DEVICES 16
#define MAX_TRAPS   16

/* Where BARs are put: room for the largest of each kind. */
#define PORT_AT	   0x1000u
#define PORT_STEP  0x100u
#define BAR32_AT   0xe0000000u
#define BAR32_STEP 0x1000000u
#define BAR64_AT   0x1000000000u
#define BAR64_STEP 0x40000000u

#define EDU	   0x11e81234u
#define EDU_RAISE  0x60
#define EDU_ACK	   0x64

/* In the place of a VMM: what it has been asked to do, and to undo. */
struct place {
	uint8_t *bar0;
	const struct moat_trap *traps[MAX_TRAPS];
	int maps, routes, pins;		     /* now */
	int mapped, trapped, routed, pinned; /* ever */
	int irq_fd;
};

struct user {
	pthread_t thread;
	struct moat_device_spec spec;
	struct place place;
	struct moat_err err;
	unsigned long cycles, done;
	int result;
};

struct holding {
	int fds;
	int mappings;
	int interrupts;
	long anon_kib; /* pages of files are the kernel's to keep or drop */
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
	if (at == BAR32_AT)
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
			place->trapped++;
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
	((struct place *)vmm)->pinned++;
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

static uint64_t bar_address(const struct moat_bar_info *bar, unsigned int i)
{
	switch (bar->kind) {
	case MOAT_BAR_PIO:
		return PORT_AT + i * PORT_STEP;
	case MOAT_BAR_MEM32:
		return BAR32_AT + i * BAR32_STEP;
	case MOAT_BAR_MEM64:
		return BAR64_AT + i * (uint64_t)BAR64_STEP;
	case MOAT_BAR_NONE:
		break;
	}
	return 0;
}

static void place_bars(struct moat_device *dev)
{
	struct moat_bar_info bar;

	for (unsigned int i = 0; i < MOAT_PCI_BARS; i++) {
		uint16_t at = (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * i);
		uint64_t address;

		moat_device_bar(dev, i, &bar);
		address = bar_address(&bar, i);
		if (!address)
			continue;
		moat_device_config_write(dev, at, 4, (uint32_t)address);
		if (bar.kind == MOAT_BAR_MEM64)
			moat_device_config_write(dev, at + 4, 4,
						 (uint32_t)(address >> 32));
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
	struct moat_bar_info bar;
	uint32_t table;
	unsigned int i;
	int r;

	if (cap) {
		table = moat_device_config_read(dev, cap + PCI_MSIX_TABLE, 4);
		i = table & PCI_MSIX_TABLE_BIR;
		moat_device_bar(dev, i, &bar);
		r = write_entry(place, bar_address(&bar, i) +
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
	if (cap)
		return place->routes ? 0 : -ENOTCONN;
	if (!moat_device_config_read(dev, PCI_INTERRUPT_PIN, 1))
		return 0; /* it has none at all */
	return place->pins ? 0 : -ENOTCONN;
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
				 PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
					 PCI_COMMAND_MASTER);
	if (!place->trapped)
		return moat_fail(&user->err, -EIO, "no BAR is there");
	r = start_interrupts(dev, place);
	if (r == 0 && moat_device_config_read(dev, PCI_VENDOR_ID, 4) == EDU)
		r = interrupt(place);
	return r < 0 ? moat_fail(&user->err, r, "interrupts: %s", strerror(-r))
		     : 0;
}

static void cycle(struct user *user)
{
	const struct moat_device_params params = { .spec = &user->spec,
						   .ioas = ioas,
						   .same_guest = guest,
						   .n_same_guest = n_users };
	struct moat_device *dev = NULL;

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
}

static void *cycle_on(void *arg)
{
	struct user *user = arg;

	(void)pthread_barrier_wait(&together);
	for (user->done = 0; user->done < user->cycles; user->done++) {
		cycle(user);
		if (user->result < 0)
			break;
	}
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

/* The number after @name in /proc/self/status; -1: there is none. */
static long status(const char *name)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	long n = -1;

	if (!f)
		return -1;
	while (n < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtol(line + strlen(name), NULL, 10);
	(void)fclose(f);
	return n;
}

static void *nothing(void *arg)
{
	return arg;
}

/*
 * Threads that reset devices are joined by nobody: wait until they have
 * ended. Their stacks go when the next thread is joined.
 */
static void settle(void)
{
	pthread_t thread;

	for (int i = 0; i < 1000 && status("Threads:") > 1; i++)
		(void)usleep(10000);
	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		(void)pthread_join(thread, NULL);
}

static struct holding holding_now(void)
{
	settle();
	return (struct holding) {
		.fds = count_fds(),
		.mappings = count_lines("/proc/self/maps", "\n"),
		.interrupts = count_lines("/proc/interrupts", "vfio"),
		.anon_kib = status("RssAnon:"),
		.heap = mallinfo2().uordblks,
	};
}

static void print(const char *when, const struct holding *h)
{
	(void)printf("cycles: %s: %d files, %d mappings, %d interrupts, %ld KiB"
		     " of memory, %zu bytes of heap\n",
		     when, h->fds, h->mappings, h->interrupts, h->anon_kib,
		     h->heap);
}

static int run_all(unsigned long n)
{
	for (size_t i = 0; i < n_users; i++) {
		users[i].cycles = n;
		if (pthread_create(&users[i].thread, NULL, cycle_on, &users[i]))
			abort(); /* the others wait for it */
	}
	for (size_t i = 0; i < n_users; i++)
		(void)pthread_join(users[i].thread, NULL);
	for (size_t i = 0; i < n_users; i++) {
		if (users[i].result < 0) {
			(void)fprintf(stderr, "cycles: after %lu: %s\n",
				      users[i].done, users[i].err.msg);
			return -1;
		}
	}
	return 0;
}

static int compare(const struct holding *first, const struct holding *last)
{
	/* A block or a page each cycle is a leak; less is a table that grew. */
	if (last->fds != first->fds || last->mappings != first->mappings ||
	    last->interrupts != 0 || first->interrupts != 0 ||
	    first->anon_kib < 0 || last->anon_kib > first->anon_kib + 256 ||
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
	if (n == 0 || set_up(argc, argv, &err) < 0) {
		(void)fprintf(stderr, "cycles: %s\n", err.msg);
		return 1;
	}
	(void)pthread_barrier_init(&together, NULL, (unsigned int)n_users);
	if (run_all(1) < 0)
		return 1;
	first = holding_now();
	print("after the first", &first);
	if (run_all(n - 1) < 0)
		return 1;
	last = holding_now();
	print("after the last", &last);
	for (size_t i = 0; i < n_users; i++) {
		const struct place *place = &users[i].place;

		(void)printf("cycles: %s: %d BARs, %d mappings, %d vectors, %d"
			     " pins\n",
			     argv[i + 2], place->trapped, place->mapped,
			     place->routed, place->pinned);
	}
	moat_ioas_destroy(ioas);
	if (compare(&first, &last) < 0)
		return 1;
	(void)printf("cycles: %lu with %zu devices, nothing left behind\n", n,
		     n_users);
	return 0;
}
