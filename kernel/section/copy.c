// SPDX-License-Identifier: GPL-2.0
/* Copies between a section and a buffer, for read(2) and write(2) of its descriptor. */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "section.h"

/*
 * Copy at most one page, from or to @position. Return: bytes, or a negative errno. The page is
 * referenced and not locked, as one that is pinned: the caller can be stopped in a fault of its
 * buffer.
 */
static ssize_t section_copy_page(struct ndshm_section *section, loff_t position, size_t count,
				 struct iov_iter *iter, bool write)
{
	struct page *page = ndshm_object_get_page(&section->object, position >> PAGE_SHIFT);
	const size_t inside = offset_in_page(position);
	ssize_t copied = -EIO;
	void *from;

	count = min(count, PAGE_SIZE - inside);
	if (!page && READ_ONCE(section->deleted))
		return -EIDRM;
	if (!page && ndshm_section_revoked(section))
		return -ENODEV;
	/* Only EXTENT_ALLOC adds memory to a section. */
	if (!page && write)
		return -ENOSPC;
	if (!page)
		return iov_iter_zero(count, iter) ?: -EFAULT;
	if (write && !PageHWPoison(page)) {
		copied = copy_page_from_iter(page, inside, count, iter) ?: -EFAULT;
	} else if (!PageHWPoison(page)) {
		/* Not copy_page_to_iter(), which gives the page itself to a pipe before 6.5. */
		from = kmap_local_page(page);
		copied = copy_to_iter(from + inside, count, iter) ?: -EFAULT;
		kunmap_local(from);
	}
	put_page(page);
	return copied;
}

ssize_t ndshm_section_copy(struct ndshm_section *section, struct kiocb *request,
			   struct iov_iter *iter, bool write)
{
	const loff_t end = section->object.length;
	ssize_t copied = 0, done = 0;

	if (write && iov_iter_count(iter) && request->ki_pos >= end)
		return -ENOSPC;
	while (iov_iter_count(iter) && request->ki_pos < end) {
		copied = section_copy_page(section, request->ki_pos,
					   min_t(u64, iov_iter_count(iter), end - request->ki_pos),
					   iter, write);
		if (copied < 0)
			break;
		request->ki_pos += copied;
		done += copied;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done ?: copied;
}
