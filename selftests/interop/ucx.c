// SPDX-License-Identifier: GPL-2.0
/*
 * interop-ucx KIND: one UCX worker maps the memory with ucp_mem_map(), another one puts bytes into
 * it and gets them back. Both are in this process.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucp/api/ucp.h>

#include "memory.h"

#define LENGTH		0x100000UL
#define PART		0x10000UL
#define PATIENCE_S	30

static ucp_worker_h workers[2];

static void ucx_check(const char *what, ucs_status_t status)
{
	if (status == UCS_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, ucs_status_string(status));
	interop_fail(what, EIO);
}

static void ucx_wait(const char *what, ucs_status_ptr_t request)
{
	const time_t end = time(NULL) + PATIENCE_S;
	ucs_status_t status;

	if (!request)
		return;
	if (UCS_PTR_IS_ERR(request))
		ucx_check(what, UCS_PTR_STATUS(request));
	do {
		ucp_worker_progress(workers[0]);
		ucp_worker_progress(workers[1]);
		status = ucp_request_check_status(request);
	} while (status == UCS_INPROGRESS && time(NULL) < end);
	ucx_check(what, status);
	ucp_request_free(request);
}

static ucp_context_h ucx_init(void)
{
	const ucp_params_t parameters = {
		.field_mask = UCP_PARAM_FIELD_FEATURES,
		.features = UCP_FEATURE_RMA,
	};
	ucp_config_t *config;
	ucp_context_h context;

	ucx_check("configuration", ucp_config_read(NULL, NULL, &config));
	ucx_check("context", ucp_init(&parameters, config, &context));
	ucp_config_release(config);
	return context;
}

static ucp_ep_h ucx_connect(ucp_context_h context)
{
	const ucp_worker_params_t parameters = { 0 };
	ucp_ep_params_t to = { .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS };
	ucp_address_t *address;
	size_t length;
	ucp_ep_h end;

	ucx_check("worker", ucp_worker_create(context, &parameters, &workers[0]));
	ucx_check("worker", ucp_worker_create(context, &parameters, &workers[1]));
	ucx_check("address", ucp_worker_get_address(workers[1], &address, &length));
	to.address = address;
	ucx_check("endpoint", ucp_ep_create(workers[0], &to, &end));
	ucp_worker_release_address(workers[1], address);
	return end;
}

int main(int argc, char **argv)
{
	ucp_mem_map_params_t map = {
		.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH,
	};
	const ucp_request_param_t plain = { 0 };
	static unsigned char here[PART], back[PART];
	struct interop_memory memory;
	ucp_context_h context;
	ucs_status_t status;
	ucp_mem_h mapping;
	ucp_rkey_h key;
	size_t length;
	void *packed;
	ucp_ep_h end;

	if (argc != 2) {
		fprintf(stderr, "usage: %s KIND\n", argv[0]);
		return 2;
	}
	/* UCX first: its hooks then see the library map the memory. */
	context = ucx_init();
	end = ucx_connect(context);
	interop_open(argv[1], LENGTH, &memory);
	map.address = memory.base;
	map.length = LENGTH;
	status = ucp_mem_map(context, &map, &mapping);
	if (status != UCS_OK)
		interop_result(EFAULT);
	ucx_check("key", ucp_rkey_pack(context, mapping, &packed, &length));
	ucx_check("key", ucp_ep_rkey_unpack(end, packed, &key));
	interop_fill(here, PART, 9);
	ucx_wait("put", ucp_put_nbx(end, here, PART, (unsigned long)memory.base, key, &plain));
	ucx_wait("flush", ucp_ep_flush_nbx(end, &plain));
	if (!interop_equal(memory.base, PART, 9))
		interop_wrong("put");
	ucx_wait("get", ucp_get_nbx(end, back, PART, (unsigned long)memory.base, key, &plain));
	if (!interop_equal(back, PART, 9))
		interop_wrong("get");
	interop_result(0);
}
