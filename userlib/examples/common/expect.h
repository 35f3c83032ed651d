/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A minimal TAP harness for unit tests. A failed EXPECT() prints its condition and fails the
 * test.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The result of the current test. */
static bool expect_ok;

/* A failure does not end the test: the statements after it still run. */
#define EXPECT(condition) do {								\
	if (!(condition)) {								\
		printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);	\
		expect_ok = false;							\
	}										\
} while (0)

/*
 * Calls `run` for tests 0 to `count` - 1 and prints TAP lines; `run` returns the test's name.
 * Returns the exit status for main().
 */
static inline int expect_all(size_t count, const char *(*run)(size_t test))
{
	size_t passed = 0;

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		const char *name;

		/* Children that a test forks must not flush this output again. */
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
