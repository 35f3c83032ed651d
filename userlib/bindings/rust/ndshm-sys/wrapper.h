/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ndshm/admin.h>
#include <ndshm/section.h>
