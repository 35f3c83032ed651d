// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../core/registry.c"
#include "../registry.c"
