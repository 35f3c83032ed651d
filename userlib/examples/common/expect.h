/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of a program's parts: what is not so in one is printed, and fails it. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the test that runs. */
static bool expect_ok;

/* As a statement; what follows runs all the same. */
#define EXPECT(condition) do {								\
	if (!(condition)) {								\
		printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);	\
		expect_ok = false;							\
	}										\
} while (0)

/*
 * Runs tests 0 to `count` - 1 by `run`, which returns the name of the one it ran, and prints
 * TAP lines. What main() returns.
 */
static inline int expect_all(size_t count, const char *(*run)(size_t test))
{
	size_t passed = 0;

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		const char *name;

		/* A test may have children. */
		fflush(stdout);
		expect_ok = true;
		name = run(i);
		printf("%s %zu - %s\n", expect_ok ? "ok" : "not ok", i + 1, name);
		passed += expect_ok;
	}
	printf("%zu passed, %zu failed\n", passed, count - passed);
	return passed == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif /* EXPECT_H */
