// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../base/registry.c"

#include "../registry.c"
