/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small direct-mapped cache of two words by a key: what context and PASID
 * entries say. Looked up without a lock; changed by one thread at a time.
 */
#ifndef MOAT_VTD_MEMO_H
#define MOAT_VTD_MEMO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMO_SLOTS 256u
#define MEMO_WORDS 2u

struct memo_slot {
	_Atomic(uint64_t) sequence; /* odd while it changes */
	_Atomic(uint64_t) key;	    /* 0: the slot is free */
	_Atomic(uint64_t) word[MEMO_WORDS];
};

struct memo {
	struct memo_slot slots[MEMO_SLOTS];
};

static inline const struct memo_slot *memo_slot_of(const struct memo *memo,
						   uint64_t key)
{
	const uint32_t hash = (uint32_t)(key ^ key >> 8 ^ key >> 24);

	return &memo->slots[hash % MEMO_SLOTS];
}

/**
 * memo_find() - @key is never 0
 * @ret_word: written even if it is not there
 *
 * What is read between two equal sequences that are not odd belongs together.
 */
static inline bool memo_find(const struct memo *memo, uint64_t key,
			     uint64_t ret_word[MEMO_WORDS])
{
	const struct memo_slot *slot = memo_slot_of(memo, key);
	const uint64_t before =
		atomic_load_explicit(&slot->sequence, memory_order_acquire);

	if (atomic_load_explicit(&slot->key, memory_order_acquire) != key)
		return false;
	for (unsigned int i = 0; i < MEMO_WORDS; i++)
		ret_word[i] = atomic_load_explicit(&slot->word[i],
						   memory_order_acquire);
	return !(before & 1) &&
	       atomic_load_explicit(&slot->sequence, memory_order_relaxed) ==
		       before;
}

/** memo_insert() - at the cost of what else is in its slot */
void memo_insert(struct memo *memo, uint64_t key,
		 const uint64_t word[MEMO_WORDS]);

/** memo_remove() - forget what @doomed says to; NULL: everything */
void memo_remove(struct memo *memo,
		 bool (*doomed)(uint64_t key, const uint64_t word[MEMO_WORDS],
				const void *opaque),
		 const void *opaque);

#endif /* MOAT_VTD_MEMO_H */
