// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ndshm/section.h>

#include "../common/say.h"
#include "revoked.h"
#include "section.h"

int section_make(struct card *card, uint64_t size)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	int error;

	request.max_size = size;
	request.adapter = card->adapter.id;
	error = ndshm_section_create(card->ndshm, &request, &card->section);
	if (error)
		return say_failure(card->ndshm, "cannot make a section", error);
	error = revoked_watch(ndshm_section_base(card->section), ndshm_section_size(card->section));
	return error ? say_failure(NULL, "cannot watch the section", error) : 0;
}
