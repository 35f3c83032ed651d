// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../base/params.c"
#include "../params.c"
