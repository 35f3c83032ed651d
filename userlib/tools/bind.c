// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm bind, ndshm unbind: bind a PCI function or a platform device to the module's driver, and
 * return it to its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devnode.h"
#include "pci.h"
#include "tool.h"

struct arguments {
	struct common *common;
	struct function function;
	struct devnode node;
	bool binds;
	bool force;
	bool reset;
};

/* State before and after the command; strings are allocated, NULL if not applicable. */
struct outcome {
	char *driver_before;
	char *driver;
	char *group;
	char *type_before;
	char *type;
	char *note;		/* about the group's type */
};

static void free_outcome(struct outcome *outcome)
{
	free(outcome->driver_before);
	free(outcome->driver);
	free(outcome->group);
	free(outcome->type_before);
	free(outcome->type);
	free(outcome->note);
}

enum { OPTION_RESET = 512 };	/* none of devnode_argp */

#define ROOT_OPTION \
	{ "root", 'r', "DIR", 0, "Use DIR/sys, DIR/run and DIR/dev instead of these", 5 }

static const struct argp_option bind_options[] = {
	{ "force", 'f', NULL, 0, "Take it from its driver, or its clients, even if it is in use", 0 },
	{ "reset", OPTION_RESET, NULL, 0,
	  "Bind it again, so that all who may claim it can, although it was not reset", 1 },
	ROOT_OPTION,
	{ 0 }
};

static const struct argp_option unbind_options[] = {
	{ "force", 'f', NULL, 0, "Unbind it even if clients have claims in its IOMMU group", 0 },
	ROOT_OPTION,
	{ 0 }
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		if (arguments->binds)
			state->child_inputs[1] = &arguments->node;
		return 0;
	case OPTION_RESET:
		arguments->reset = true;
		return 0;
	case 'f':
		arguments->force = true;
		return 0;
	case 'r':
		arguments->function.root = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		if (!function_parse(argument, &arguments->function))
			argp_error(state, "\"%s\": not a PCI address (0000:00:05.0) or name of a platform device or network interface",
				   argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child bind_children[] = {
	{ .argp = &common_argp }, { .argp = &devnode_argp }, { 0 }
};
static const struct argp_child unbind_children[] = { { .argp = &common_argp }, { 0 } };

static bool is_ours(const struct function *function, const char *driver)
{
	return driver && !strcmp(driver, function_adapter_driver(function));
}

#define LISTS	"\"lspci -D\" lists PCI functions, \"ls /sys/bus/platform/devices\" platform devices"
#define STAND_IN	"the stand-in for the module has no PCI functions; omit --backend and NDSHM_BACKEND"

static const char *missing_words(const struct function *function, bool binds)
{
	if (!function->platform)
		return "there is no such PCI function; \"lspci -D\" lists them";
	return binds ? "there is no such platform device or network interface; " LISTS :
		       "there is no such platform device or network interface; \"ndshm list adapters\" "
		       "lists bound functions, which have no interface";
}

/*
 * Replace the name of a network interface by its device, and check that the device exists and that
 * this process may bind it.
 */
static enum exit_code find_device(struct arguments *arguments)
{
	struct function *function = &arguments->function;
	const char *action = arguments->binds ? "bind" : "unbind";
	char name[FUNCTION_NAME_SIZE], *problem;
	int error;

	if (function->platform && !function_exists(function) &&
	    interface_exists(function, function->name)) {
		strcpy(name, function->name);
		problem = function_of_interface(name, function);
		if (problem) {
			print_error("cannot %s %s: %s; name the device: " LISTS, action, name,
				    problem);
			free(problem);
			return EXIT_FAILED;
		}
		print_note("network interface %s is that of %s %s", name,
			   function->platform ? "platform device" : "PCI function", function->name);
	}
	if (!function_exists(function))
		return cannot(missing_words(function, arguments->binds), "%s %s", action,
			      function->name);
	error = function_may_change(function);
	if (error)
		return cannot_reason(error == -EROFS ?
				     "/sys is read-only here; run it outside of the container" :
				     "requires root; run it as root, outside of containers", NULL, error,
				     "%s %s", action, function->name);
	return EXIT_DONE;
}

/* The IOMMU domain has a flush queue, or translates no addresses. */
static bool is_not_strict(const char *type)
{
	return type && (!strcmp(type, "DMA-FQ") || !strcmp(type, "identity"));
}

static json_t *string_or_null(const char *string)
{
	return string ? json_string(string) : json_null();
}

static json_t *outcome_json(const struct function *function, const struct outcome *outcome)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "function", function->name,
			 "driver_before", string_or_null(outcome->driver_before),
			 "driver", string_or_null(outcome->driver),
			 "group", string_or_null(outcome->group),
			 "group_type_before", string_or_null(outcome->type_before),
			 "group_type", string_or_null(outcome->type),
			 "note", string_or_null(outcome->note));
}

static void print_group(const struct function *function, const struct outcome *outcome)
{
	if (outcome->type_before && outcome->type && strcmp(outcome->type_before, outcome->type))
		printf("%s: IOMMU group %s was %s, is %s\n", function->name, outcome->group,
		       outcome->type_before, outcome->type);
	if (outcome->note)
		printf("%s: %s\n", function->name, outcome->note);
}

/*
 * bind
 */

static void print_isolation(const struct function *function, uint32_t isolation)
{
	char *words = isolation_words(isolation);

	printf("%s: %s\n", function->name, words);
	free(words);
	for (unsigned int i = 0; isolation_property(i); i++)
		if (isolation & 1U << i)
			printf("  %s: %s\n", isolation_property(i), isolation_advice(i));
	if (isolation)
		printf("  Until then only root (CAP_SYS_RAWIO) can use it, and only while the "
		       "module's allow_unisolated is 1.\n");
}

static enum exit_code print_bound(const struct function *function, const struct outcome *outcome,
				  const struct ndshm_adapter_info *adapter,
				  const struct devnode *node)
{
	char *owner;

	if (is_ours(function, outcome->driver_before))
		printf("%s: was bound to %s already\n", function->name, outcome->driver_before);
	else if (outcome->driver_before)
		printf("%s: taken from %s\n", function->name, outcome->driver_before);
	print_group(function, outcome);
	printf("%s: bound to %s, adapter %" PRIu32 "\n", function->name,
	       function_adapter_driver(function), adapter->id);
	owner = owner_cell(node->owner, node->group);
	printf("adapter %s: owner %s, mode %04o\n", function->name, owner, node->mode);
	free(owner);
	print_isolation(function, adapter->isolation);
	return end_output();
}

static enum exit_code print_bound_json(const struct function *function,
				       const struct outcome *outcome,
				       const struct ndshm_adapter_info *adapter,
				       const struct devnode *node)
{
	json_t *value = outcome_json(function, outcome);
	char *mode = format_string("%04o", node->mode);

	json_object_set_new(value, "adapter", json_integer(adapter->id));
	json_object_set_new(value, "owner", json_string(cached_user(node->owner)));
	json_object_set_new(value, "uid", json_integer(node->owner));
	json_object_set_new(value, "group", json_string(cached_group(node->group)));
	json_object_set_new(value, "gid", json_integer(node->group));
	json_object_set_new(value, "mode", json_string(mode));
	free(mode);
	json_object_set_new(value, "isolated", json_boolean(!adapter->isolation));
	json_object_set_new(value, "missing", isolation_json(adapter->isolation));
	return print_json(value);
}

/* Check that the function can be bound and is not in use. */
static enum exit_code check(const struct arguments *arguments, const struct outcome *outcome)
{
	const struct function *function = &arguments->function;
	enum exit_code code;
	char *user;

	if (!driver_exists(function, function_adapter_driver(function)))
		return cannot("the module is not loaded: load it (modprobe ndshm)", "bind %s",
			      function->name);
	if (is_ours(function, outcome->driver_before))
		return EXIT_DONE;
	if (function_is_bridge(function))
		return cannot("it is a bridge; bind the functions behind it", "bind %s", function->name);
	user = arguments->force ? NULL : function_user(function);
	if (!user)
		return EXIT_DONE;
	code = cannot("end that first, or use --force", "bind %s, %s", function->name, user);
	free(user);
	return code;
}

/* Return true if the group's type can be changed once the function has no driver. */
static bool group_can_change(const struct function *function, struct outcome *outcome)
{
	if (!function_group_in_use(function))
		return true;
	outcome->note = format_string("IOMMU group %s stays %s: another of its functions is bound "
				      "to a driver", outcome->group, outcome->type_before);
	return false;
}

/*
 * Change the group to a domain without a flush queue, if possible. The function must be
 * unbound.
 */
static void make_strict(const struct function *function, struct outcome *outcome)
{
	const char *type = outcome->type_before;
	int error;

	if (!is_not_strict(type) || !group_can_change(function, outcome))
		return;
	error = function_remember_type(function, type);
	if (error)
		outcome->note = format_string("that IOMMU group %s was %s could not be written "
					      "down: %s", outcome->group, type, strerror(-error));
	error = function_set_group_type(function, "DMA");
	if (error) {
		free(outcome->note);
		outcome->note = format_string("IOMMU group %s stays %s: %s", outcome->group, type,
					      strerror(-error));
		function_forget_type(function);
	}
}

/* Return the function to the kernel's driver; continues after errors. */
static void give_back(const struct function *function, struct outcome *outcome)
{
	char *type = function_recall_type(function);

	function_set_override(function, "");
	outcome->type = function_group_type(function);
	if (type && outcome->type && strcmp(type, outcome->type) &&
	    !function_group_in_use(function) && !function_set_group_type(function, type)) {
		function_forget_type(function);
		free(outcome->type);
		outcome->type = function_group_type(function);
	}
	function_probe(function);
	outcome->driver = function_driver(function);
	free(type);
}

/* Take the function from @driver, if that is not NULL, and bind it. */
static enum exit_code take_from(const char *driver, const struct function *function,
				struct outcome *outcome)
{
	const char *ours = function_adapter_driver(function);
	enum exit_code code;
	char *why;
	int error;

	if (driver) {
		error = function_unbind(function);
		if (error)
			return cannot_errno(error, "unbind %s from %s", function->name, driver);
	}
	make_strict(function, outcome);
	error = function_set_override(function, ours);
	if (!error)
		error = function_bind(function, ours);
	if (!error) {
		outcome->type = function_group_type(function);
		outcome->driver = function_driver(function);
		return EXIT_DONE;
	}
	why = format_string("%s; the kernel log has the cause (dmesg)", strerror(-error));
	code = cannot_reason(why, NULL, error, "bind %s to %s", function->name, ours);
	free(why);
	give_back(function, outcome);
	print_error("%s now has %s", function->name,
		    outcome->driver ? outcome->driver : "no driver");
	return code;
}

/* With a device tree a group appears when a driver probes its first function: make it strict then. */
static enum exit_code take_over(const struct function *function, struct outcome *outcome)
{
	enum exit_code code = take_from(outcome->driver_before, function, outcome);

	if (!code && !outcome->group)
		outcome->group = function_group(function);
	if (code || outcome->type_before || !is_not_strict(outcome->type))
		return code;
	outcome->type_before = outcome->type;
	outcome->type = NULL;
	free(outcome->driver);
	outcome->driver = NULL;
	return take_from(function_adapter_driver(function), function, outcome);
}

/* Return true if a client uses the adapter, or if that cannot be determined. */
static bool adapter_in_use(const struct function *function, struct ndshm *ndshm)
{
	struct ndshm_adapter_info adapter;
	struct ndshm_block_row *rows;
	bool in_use = false;
	size_t count;

	if (ndshm_find_adapter(ndshm, function->name, &adapter) || adapter.claimed ||
	    ndshm_list_blocks(ndshm, &rows, &count))
		return true;
	for (size_t i = 0; i < count; i++)
		in_use |= rows[i].adapter == adapter.id;
	free(rows);
	return in_use;
}

/* Return true if a bound function must and may be bound again, for --reset or a strict group. */
static bool shall_rebind(const struct arguments *arguments, struct ndshm *ndshm,
			 struct outcome *outcome)
{
	const struct function *function = &arguments->function;

	if (!arguments->reset &&
	    (!is_not_strict(outcome->type_before) || !group_can_change(function, outcome)))
		return false;
	if (arguments->force || !adapter_in_use(function, ndshm))
		return true;
	if (!arguments->reset)
		outcome->note = format_string("IOMMU group %s stays %s while a client uses the adapter: end "
				      "that and bind again, use --force, or \"ndshm unbind\" it "
				      "first", outcome->group, outcome->type_before);
	return false;
}

static enum exit_code bind_function(const struct arguments *arguments, struct ndshm *ndshm,
				    struct outcome *outcome)
{
	const struct function *function = &arguments->function;
	struct devnode now, before = DEVNODE_UNCHANGED;
	struct ndshm_adapter_info adapter;
	enum exit_code code = EXIT_DONE;
	int error;

	if (is_ours(function, outcome->driver_before) && !shall_rebind(arguments, ndshm, outcome)) {
		if (arguments->reset)
			return cannot("a client uses it: end that, or use --force", "reset %s",
				      function->name);
		outcome->type = function_group_type(function);
		outcome->driver = function_driver(function);
	} else {
		/* A new node is root's. */
		if (is_ours(function, outcome->driver_before))
			devnode_keep(function, &before);
		code = take_over(function, outcome);
	}
	/* The write to bind returns after the node was made and the adapter registered. */
	if (!code)
		code = devnode_change(function, &before, &now);
	if (!code)
		code = devnode_change(function, &arguments->node, &now);
	if (code)
		return code;
	error = ndshm_find_adapter(ndshm, function->name, &adapter);
	if (error)
		return cannot_ndshm(ndshm, error, "find adapter \"%s\", which is bound",
				    function->name);
	return arguments->common->json ? print_bound_json(function, outcome, &adapter, &now) :
					 print_bound(function, outcome, &adapter, &now);
}

enum exit_code run_bind(struct common *common, int argc, char **argv)
{
	static const struct argp argp = {
		.options = bind_options,
		.parser = parse,
		.args_doc = "DEVICE",
		.doc = "Take a PCI function (by its address), a platform device (by its name), or that "
		       "of a network interface from its driver, make its IOMMU group strict, and make "
		       "an adapter of it.\v"
		       "Who can open its device node in " NDSHM_DEVICES " may claim it: root at first. "
		       "--owner and --mode are kept until it is unbound; a udev rule for the subsystem "
		       "ndshm is kept for good.",
		.children = bind_children,
	};
	struct arguments arguments = {
		.common = common, .function.root = "", .node = DEVNODE_UNCHANGED, .binds = true,
	};
	struct outcome outcome = { 0 };
	struct ndshm *ndshm = NULL;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	code = find_device(&arguments);
	if (code != EXIT_DONE)
		return code;
	outcome.driver_before = function_driver(&arguments.function);
	outcome.group = function_group(&arguments.function);
	outcome.type_before = function_group_type(&arguments.function);
	code = check(&arguments, &outcome);
	/*
	 * Open the client before any change, so that failure leaves the function as it
	 * is.
	 */
	if (code == EXIT_DONE) {
		ndshm = open_viewer(common);
		code = ndshm ? EXIT_DONE : EXIT_FAILED;
	}
	if (code == EXIT_DONE && is_stand_in(common, ndshm))
		code = cannot(STAND_IN, "bind %s", arguments.function.name);
	if (code == EXIT_DONE)
		code = bind_function(&arguments, ndshm, &outcome);
	ndshm_close(ndshm);
	free_outcome(&outcome);
	return code;
}

/*
 * unbind
 */

/* Explain why the group's type was not restored, if it was not. */
static void explain_type(const struct function *function, struct outcome *outcome)
{
	char *remembered = function_recall_type(function);

	if (!outcome->type || strcmp(outcome->type, "DMA"))
		goto out;
	if (!remembered)
		outcome->note = format_string("IOMMU group %s stays DMA: if it was something else "
					      "before, that is not known", outcome->group);
	else if (function_group_in_use(function))
		outcome->note = format_string("IOMMU group %s stays DMA, until its other functions "
					      "are unbound as well", outcome->group);
	else
		outcome->note = format_string("IOMMU group %s stays DMA: the kernel refuses %s",
					      outcome->group, remembered);
out:
	free(remembered);
}

static enum exit_code print_unbound(const struct function *function,
				    const struct outcome *outcome)
{
	if (outcome->driver_before)
		printf("%s: unbound from %s\n", function->name, outcome->driver_before);
	else
		printf("%s: had no driver, is no longer kept for %s\n", function->name,
		       function_adapter_driver(function));
	print_group(function, outcome);
	if (outcome->driver)
		printf("%s: bound to %s\n", function->name, outcome->driver);
	else
		printf("%s: no driver of the kernel took it\n", function->name);
	return end_output();
}

/* Return true if the function has no driver because the module was unloaded. */
static bool is_stranded(const struct function *function, const struct outcome *outcome)
{
	char *override = outcome->driver_before ? NULL : function_override(function);
	bool stranded = is_ours(function, override);

	free(override);
	return stranded;
}

/* Return true if a client has claimed the function, or if that cannot be determined. */
static bool function_is_claimed(const struct function *function, void *ndshm)
{
	struct ndshm_adapter_info adapter;
	int error = ndshm_find_adapter(ndshm, function->name, &adapter);

	return error ? error != -ENOENT : adapter.claimed;
}

/*
 * Functions of an IOMMU group can access each other's DMA addresses: the kernel ends
 * every claim in the group before the next driver of the function probes it.
 */
static enum exit_code check_claims(const struct arguments *arguments,
				   const struct outcome *outcome)
{
	const struct function *function = &arguments->function;
	enum exit_code code = EXIT_DONE;
	struct function claimed;
	struct ndshm *ndshm;

	if (arguments->force || !is_ours(function, outcome->driver_before))
		return EXIT_DONE;
	ndshm = open_viewer(arguments->common);
	if (!ndshm)
		return EXIT_FAILED;
	if (is_stand_in(arguments->common, ndshm))
		code = cannot(STAND_IN, "unbind %s", function->name);
	else if (function_group_find(function, function_is_claimed, ndshm, &claimed)) {
		print_error("function %s: a client has claimed adapter %s, which is %s; "
			    "end that client, or use --force", function->name, claimed.name,
			    strcmp(claimed.name, function->name) ? "in the same IOMMU group" :
								   "this function");
		code = EXIT_FAILED;
	}
	ndshm_close(ndshm);
	return code;
}

static enum exit_code unbind_function(const struct arguments *arguments, struct outcome *outcome)
{
	const struct function *function = &arguments->function;
	int error = 0;

	if (check_claims(arguments, outcome))
		return EXIT_FAILED;
	if (is_ours(function, outcome->driver_before))
		error = function_unbind(function);
	else if (!is_stranded(function, outcome))
		return cannot(function->platform ? "it is not bound to ndshm_platform" :
						  "it is not bound to ndshm_pci",
			      "unbind %s", function->name);
	if (error)
		return cannot_errno(error, "unbind %s from %s", function->name,
				    outcome->driver_before);
	give_back(function, outcome);
	explain_type(function, outcome);
	return arguments->common->json ? print_json(outcome_json(function, outcome)) :
					 print_unbound(function, outcome);
}

enum exit_code run_unbind(struct common *common, int argc, char **argv)
{
	static const struct argp argp = {
		.options = unbind_options,
		.parser = parse,
		.args_doc = "DEVICE",
		.doc = "Give a PCI function or a platform device back to the kernel's own driver, "
		       "unless a client has claimed it or another device of its IOMMU group.",
		.children = unbind_children,
	};
	struct arguments arguments = { .common = common, .function.root = "" };
	struct outcome outcome = { 0 };
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	code = find_device(&arguments);
	if (code != EXIT_DONE)
		return code;
	outcome.driver_before = function_driver(&arguments.function);
	outcome.group = function_group(&arguments.function);
	outcome.type_before = function_group_type(&arguments.function);
	code = unbind_function(&arguments, &outcome);
	free_outcome(&outcome);
	return code;
}
