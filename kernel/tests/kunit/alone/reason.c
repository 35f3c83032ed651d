// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../core/reason.c"
#include "../reason.c"
