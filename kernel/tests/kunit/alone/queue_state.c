// SPDX-License-Identifier: GPL-2.0
#include "alone.h"

#include "../../../adapter/queue_state.c"
#include "../queue_state.c"
