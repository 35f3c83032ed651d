// SPDX-License-Identifier: GPL-2.0
/*
 * Registration of providers: each error has its own reason and no side effect. Also: the
 * built-in provider gives up unwanted allocations.
 */
#include <linux/dma-map-ops.h>
#include <linux/platform_device.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/packet.h>
#include <ndshm/provider.h>

#include "../../adapter/adapter.h"
#include "../../block/block.h"
#include "../../registration/provider.h"
#include "miniport.h"

#define NAME	"kunit-provider"

static ndshm_status_t provide(void *context, struct ndshm_parameters *p,
			      void **block_context)
{
	return NDSHM_STATUS_RESOURCES;
}

static void take_back(void *context, void *block_context)
{
}

static const struct ndshm_provider_characteristics good = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = provide,
	.free = take_back,
};

static ndshm_reason_t offer(const struct ndshm_provider_characteristics *c,
			    enum ndshm_scope scope,
			    struct ndshm_adapter *adapter,
			    struct ndshm_provider **provider)
{
	const struct ndshm_provider_ops ops = { .name = NAME };

	return check_provider_register(c, &ops, scope, adapter, provider);
}

/* Expect that no provider is registered. */
static void expect_none(struct kunit *test, struct ndshm_provider *provider)
{
	struct ndshm_provider *found = ndshm_provider_find(NAME);

	KUNIT_EXPECT_PTR_EQ(test, provider, NULL);
	KUNIT_EXPECT_PTR_EQ(test, found, NULL);
	if (found)
		ndshm_provider_put(found);
}

static const struct {
	enum ndshm_scope scope;
	bool adapter;
} mismatches[] = {
	{ NDSHM_SCOPE_ADAPTER, false },
	{ NDSHM_SCOPE_MACHINE, true },
	{ NDSHM_SCOPE_NAMED, true },
};

/* An adapter is required for the scope of an adapter, and refused for others. */
static void unknown_device(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_provider *provider = NULL;
	unsigned int i;

	miniport_revoke(driver);
	for (i = 0; i < ARRAY_SIZE(mismatches); i++) {
		EXPECT_REASON(test, offer(&good, mismatches[i].scope,
					  mismatches[i].adapter ?
					  driver->adapter : NULL, &provider),
			      ADAPTER_UNKNOWN);
		expect_none(test, provider);
	}
	/* With the right adapter the registration succeeds. */
	ASSERT_REASON(test, offer(&good, NDSHM_SCOPE_ADAPTER, driver->adapter,
				  &provider), NONE);
	EXPECT_REASON(test, check_provider_unregister(provider), NONE);
}

/* A reference to an unregistered adapter does not make it valid again. */
static void device_gone(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_provider *provider = NULL;
	struct ndshm_adapter *adapter = ndshm_adapter_find("kunit-queue");

	KUNIT_ASSERT_PTR_EQ(test, adapter, driver->adapter);
	miniport_revoke(driver);
	miniport_unregister(driver);
	EXPECT_REASON(test, offer(&good, NDSHM_SCOPE_ADAPTER, adapter,
				  &provider), ADAPTER_REMOVED);
	expect_none(test, provider);
	ndshm_adapter_put(adapter);
}

/* The scope already has a provider, which continues to work. */
static void scope_taken(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_provider *provider = NULL;
	struct ndshm_block *block;

	EXPECT_REASON(test, offer(&good, NDSHM_SCOPE_ADAPTER, driver->adapter,
				  &provider), SCOPE_TAKEN);
	expect_none(test, provider);
	ASSERT_REASON(test, miniport_obtain(driver, 0, 0, 1, &block), NONE);
	ndshm_free(block);
}

/* The provider of an adapter refuses other adapters. */
static void other_adapter(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = 1,
		.adapter = ndshm_adapter_find("node0"),
	};
	struct ndshm_provider *provider = NULL;
	struct ndshm_block *block = NULL;

	KUNIT_ASSERT_NOT_NULL(test, p.adapter);
	miniport_revoke(driver);
	ASSERT_REASON(test, offer(&good, NDSHM_SCOPE_ADAPTER, driver->adapter,
				  &provider), NONE);
	p.provider = provider;
	EXPECT_REASON(test, check_allocate(&p, &block), PROVIDER_CLOSED);
	ndshm_adapter_put(p.adapter);
	p.adapter = driver->adapter;
	EXPECT_REASON(test, check_allocate(&p, &block), PROVIDER_RESOURCES);
	EXPECT_REASON(test, check_provider_unregister(provider), NONE);
}

/* Unknown flags and changes of the flags are refused. */
static void flags(struct kunit *test)
{
	struct ndshm_provider_ops ops = { .name = NAME, .flags = BIT(2) };
	struct ndshm_provider *provider = NULL;

	EXPECT_REASON(test, check_provider_register(&good, &ops,
						    NDSHM_SCOPE_NAMED, NULL,
						    &provider), FLAGS);
	expect_none(test, provider);
	ops.flags = NDSHM_PROVIDER_OPEN;
	ASSERT_REASON(test, check_provider_register(&good, &ops,
						    NDSHM_SCOPE_NAMED, NULL,
						    &provider), NONE);
	ops.flags = 0;
	EXPECT_REASON(test, check_provider_replace(provider, &good, &ops),
		      FLAGS);
	/* A replacement without ops keeps the flags. */
	EXPECT_REASON(test, check_provider_replace(provider, &good, NULL),
		      NONE);
	EXPECT_REASON(test, check_provider_unregister(provider), NONE);
}

static void context_size(struct kunit *test)
{
	struct ndshm_provider_ops ops = { .name = NAME, .context_size = PAGE_SIZE + 1 };
	struct ndshm_provider *provider = NULL;

	EXPECT_REASON(test, check_provider_register(&good, &ops, NDSHM_SCOPE_NAMED, NULL,
						    &provider), LENGTH_LIMIT);
	expect_none(test, provider);
	ops.context_size = PAGE_SIZE;
	ASSERT_REASON(test, check_provider_register(&good, &ops, NDSHM_SCOPE_NAMED, NULL,
						    &provider), NONE);
	ops.context_size = U32_MAX;
	EXPECT_REASON(test, check_provider_replace(provider, &good, &ops), LENGTH_LIMIT);
	EXPECT_REASON(test, check_provider_unregister(provider), NONE);
}

/* One error in the characteristics at a time. */
static void characteristics(struct kunit *test)
{
	struct ndshm_provider *provider = NULL;
	struct ndshm_provider_characteristics c;

#define REFUSED(reason, member, value) do { \
	c = good; \
	c.member = (value); \
	EXPECT_REASON(test, offer(&c, NDSHM_SCOPE_NAMED, NULL, &provider), \
		      reason); \
	expect_none(test, provider); \
} while (0)
	REFUSED(CHARACTERISTICS_TYPE, header.type, NDSHM_OBJECT_TYPE_DEFAULT);
	REFUSED(CHARACTERISTICS_REVISION, header.revision, 0);
	REFUSED(CHARACTERISTICS_SIZE, header.size,
		NDSHM_SIZEOF_PROVIDER_CHARACTERISTICS_REVISION_1 - 1);
	REFUSED(HANDLER_MISSING, allocate, NULL);
	REFUSED(HANDLER_MISSING, free, NULL);
#undef REFUSED
}

/*
 * The reason is optional: without it each function succeeds and fails with the same errno.
 * The numbers are written out, so that they are those of the ioctls.
 */
static void without_reason(struct kunit *test)
{
	const struct ndshm_provider_ops ops = { .name = NAME }, other = { .name = "o" };
	const struct ndshm_adapter_info info = { .name = "" };
	const struct ndshm_packet packet = { .length = 1 };
	struct miniport *driver = test->priv;
	struct ndshm_adapter *adapter = driver->adapter;
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.adapter = adapter,
	};
	struct ndshm_provider_characteristics bad = good;
	struct ndshm_request request = { .parameters = p };
	struct ndshm_requests *requests = kunit_kzalloc(test, sizeof(*requests),
							GFP_KERNEL);
	struct ndshm_provider *provider;
	enum ndshm_queue_state state;
	enum ndshm_vport_state port;
	struct ndshm_block *block;
	u32 id = 0, filters;
	void *address;

#define EXPECT(call, error) KUNIT_EXPECT_EQ(test, call, error)
#define EXPECT_PTR(call, error) KUNIT_EXPECT_PTR_EQ(test, call, ERR_PTR(error))
	EXPECT_PTR(ndshm_adapter_register(&info, NULL), -EINVAL);
	EXPECT_PTR(ndshm_allocate(&p, NULL), -EINVAL);
	EXPECT_PTR(ndshm_packet_resolve(adapter, &packet, &address, NULL),
		   -ENOENT);
	bad.free = NULL;
	EXPECT_PTR(ndshm_provider_register(&bad, &ops, NDSHM_SCOPE_NAMED, NULL,
					   NULL), -EINVAL);
	EXPECT_PTR(ndshm_provider_register(&good, &ops, NDSHM_SCOPE_ADAPTER,
					   adapter, NULL), -EBUSY);
	provider = ndshm_provider_register(&good, &ops, NDSHM_SCOPE_NAMED, NULL,
					   NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(provider));
	EXPECT(ndshm_provider_replace(provider, &good, &other, NULL), -EINVAL);
	EXPECT(ndshm_provider_replace(provider, &good, &ops, NULL), 0);
	EXPECT(ndshm_provider_unregister(provider, NULL), 0);

	p.length = 1;
	block = ndshm_allocate(&p, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(block));
	EXPECT(ndshm_provider_unregister(driver->provider, NULL), -EBUSY);
	EXPECT(ndshm_sync(block, 0, 0, 1, NULL), -EINVAL);
	EXPECT(ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0, 1, NULL), 0);
	ndshm_free(block);

	KUNIT_ASSERT_NOT_NULL(test, requests);
	ndshm_requests_init(requests, 1);
	EXPECT(ndshm_allocate_async(requests, &request, NULL), -EINVAL);
	EXPECT(ndshm_request_cancel(requests, 0, NULL), -ENOENT);
	ndshm_requests_end(requests);

	EXPECT(ndshm_queue_query(adapter, 1000, &state, &filters, NULL, NULL),
	       -ENOENT);
	EXPECT(ndshm_vport_query(adapter, 1000, &port, NULL, NULL), -ENOENT);
	EXPECT(ndshm_queue_free(adapter, 0, NULL), -EINVAL);
	EXPECT(ndshm_queue_allocate(adapter, &miniport_ops, driver, &id, NULL), 0);
	EXPECT(ndshm_queue_dma_stopped(adapter, id, NULL), -EBADFD);
	EXPECT(ndshm_queue_set_filter(adapter, id, NULL), 0);
	EXPECT(ndshm_queue_clear_filter(adapter, id, NULL), 0);
	EXPECT(ndshm_queue_complete(adapter, id, NULL), 0);
	EXPECT(ndshm_queue_complete(adapter, id, NULL), -EBADFD);
	EXPECT(ndshm_queue_free(adapter, id, NULL), 0);
	EXPECT(ndshm_vport_create(adapter, &miniport_ops, driver, &id, NULL), 0);
	EXPECT(ndshm_vport_activate(adapter, id, NULL), 0);
	EXPECT(ndshm_vport_delete(adapter, id + 1, NULL), -ENOENT);
#undef EXPECT_PTR
#undef EXPECT
}

static ndshm_reason_t ask_pages(struct miniport *driver,
				struct ndshm_block **block)
{
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		/* Two chunks. */
		.length = 3 * PAGE_SIZE,
		.adapter = driver->adapter,
		.provider = ndshm_provider_find("pages"),
	};
	ndshm_reason_t reason;

	KUNIT_ASSERT_NOT_NULL(driver->test, p.provider);
	reason = check_allocate(&p, block);
	ndshm_provider_put(p.provider);
	return reason;
}

/* A killed task gets no second chunk; any other task does. */
static void pages_unwanted(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	KUNIT_EXPECT_TRUE(test, fatal_signal_pending(current));
	EXPECT_REASON(test, ask_pages(driver, &block), PROVIDER_RESOURCES);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_ASSERT_FALSE(test, fatal_signal_pending(current));
	ASSERT_REASON(test, ask_pages(driver, &block), NONE);
	ndshm_free(block);
}

/* The default of an adapter without a provider depends on how its device reaches memory. */
static void built_in(struct kunit *test)
{
	static const char *const names[] = {
		[NDSHM_REACH_INDIRECT] = "coherent", [NDSHM_REACH_DIRECT] = "pages",
	};
	struct miniport *driver = test->priv;
	const struct ndshm_adapter_info info = {
		.name = "kunit-reach", .device = driver->adapter->device,
	};
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
	};
	struct ndshm_block *block;
	unsigned int i;

	p.adapter = ndshm_adapter_register(&info, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(p.adapter));
	KUNIT_EXPECT_EQ(test, p.adapter->reach,
			dev_is_dma_coherent(info.device) ? NDSHM_REACH_DIRECT :
							   NDSHM_REACH_INDIRECT);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		p.adapter->reach = i;
		p.length = 1;
		EXPECT_REASON(test, check_allocate(&p, &block), NONE);
		KUNIT_EXPECT_STREQ(test, block->registration->provider->entry.name,
				   names[i]);
		ndshm_free(block);
	}
	/* More than the page allocator has in one range. */
	p.length = SZ_8M;
	EXPECT_REASON(test, check_allocate(&p, &block), NONE);
	KUNIT_EXPECT_NULL(test, memchr_inv(p.virtual_address, 0, p.length));
	ndshm_free(block);
	ndshm_adapter_unregister(p.adapter);
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE(unknown_device),
	KUNIT_CASE(device_gone),
	KUNIT_CASE(scope_taken),
	KUNIT_CASE(other_adapter),
	KUNIT_CASE(flags),
	KUNIT_CASE(context_size),
	KUNIT_CASE(characteristics),
	KUNIT_CASE(without_reason),
	KUNIT_CASE(pages_unwanted),
	KUNIT_CASE(built_in),
	{}
};

static struct kunit_suite provider_suite = {
	.name = SUITE_NAME("provider"),
	.init = miniport_init,
	.exit = miniport_exit,
	.test_cases = provider_cases,
};

kunit_test_suite(provider_suite);
