// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../core/params.c"
#include "../params.c"
