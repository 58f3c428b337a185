// SPDX-License-Identifier: GPL-2.0-or-later
/* The cache of memo.h: what changes it. */
#include "iommu/vtd/memo.h"

static void change(struct memo_slot *slot, uint64_t key,
		   const uint64_t word[MEMO_WORDS])
{
	const uint64_t sequence =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	atomic_store_explicit(&slot->sequence, sequence + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&slot->key, key, memory_order_release);
	for (unsigned int i = 0; i < MEMO_WORDS; i++)
		atomic_store_explicit(&slot->word[i], word[i],
				      memory_order_release);
	atomic_store_explicit(&slot->sequence, sequence + 2,
			      memory_order_release);
}

void memo_insert(struct memo *memo, uint64_t key,
		 const uint64_t word[MEMO_WORDS])
{
	change((struct memo_slot *)memo_slot_of(memo, key), key, word);
}

void memo_remove(struct memo *memo,
		 bool (*doomed)(uint64_t key, const uint64_t word[MEMO_WORDS],
				const void *opaque),
		 const void *opaque)
{
	static const uint64_t nothing[MEMO_WORDS];
	uint64_t word[MEMO_WORDS], key;

	for (unsigned int i = 0; i < MEMO_SLOTS; i++) {
		struct memo_slot *slot = &memo->slots[i];

		key = atomic_load_explicit(&slot->key, memory_order_relaxed);
		for (unsigned int j = 0; j < MEMO_WORDS; j++)
			word[j] = atomic_load_explicit(&slot->word[j],
						       memory_order_relaxed);
		if (key && (!doomed || doomed(key, word, opaque)))
			change(slot, 0, nothing);
	}
}
