// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries as words, see encode.h. */
#include <string.h>

#include "iommu/vtd/encode.h"
#include "iommu/vtd/table_regs.h"

static uint64_t present(bool quiet)
{
	return VTD_P | (quiet ? VTD_FPD : 0);
}

void vtd_encode_context(const struct vtd_context *context, uint64_t word[2])
{
	uint64_t tt = VTD_TT_TRANSLATE;

	if (context->pass)
		tt = VTD_TT_PASS;
	else if (context->device_tlb)
		tt = VTD_TT_DEVICE_TLB;
	word[0] = present(context->quiet) | tt << VTD_CONTEXT_TT_SHIFT |
		  (context->pass ? 0 : context->tables);
	word[1] = VTD_AW_OF_LEVELS(context->levels) |
		  (uint64_t)context->did << VTD_CONTEXT_DID_SHIFT;
}

void vtd_encode_pasid(const struct vtd_context *context, uint64_t word[8])
{
	memset(word, 0, VTD_PASID_SIZE);
	word[0] = present(context->quiet);
	if (context->pass)
		word[0] |= (uint64_t)VTD_PGTT_PASS << VTD_PASID_PGTT_SHIFT;
	else
		word[0] |= (uint64_t)VTD_PGTT_SECOND << VTD_PASID_PGTT_SHIFT |
			   context->tables |
			   (uint64_t)VTD_AW_OF_LEVELS(context->levels)
				   << VTD_PASID_AW_SHIFT;
	word[1] = context->did;
}

void vtd_encode_sm_context(const struct vtd_sm_context *context,
			   uint64_t word[4])
{
	word[0] = present(context->quiet) | context->directory |
		  (uint64_t)context->pdts << VTD_SM_CONTEXT_PDTS_SHIFT |
		  (context->device_tlb ? VTD_SM_CONTEXT_DTE : 0) |
		  (context->pasid ? VTD_SM_CONTEXT_PASIDE : 0);
	word[1] = context->rid_pasid;
	word[2] = word[3] = 0;
}

uint64_t vtd_encode_pointer(uint64_t table)
{
	return table | VTD_P;
}

void vtd_encode_irte(const struct vtd_irte *irte, uint64_t word[2])
{
	const uint64_t dest = irte->wide ? irte->dest
					 : (uint64_t)irte->dest << 8;

	word[0] = present(irte->quiet) | (irte->logical ? VTD_IRTE_DM : 0) |
		  (irte->redirect ? VTD_IRTE_RH : 0) |
		  (irte->level ? VTD_IRTE_TM : 0) |
		  (uint64_t)irte->mode << VTD_IRTE_DLM_SHIFT |
		  (uint64_t)irte->vector << VTD_IRTE_VECTOR_SHIFT |
		  dest << VTD_IRTE_DST_SHIFT;
	word[1] = irte->sid | (uint64_t)irte->sq << VTD_IRTE_SQ_SHIFT |
		  (uint64_t)irte->svt << VTD_IRTE_SVT_SHIFT;
}
