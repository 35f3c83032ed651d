// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../base/reason.c"
#include "../reason.c"
