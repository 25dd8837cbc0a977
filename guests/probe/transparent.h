/* SPDX-License-Identifier: MIT */
#ifndef PROBE_TRANSPARENT_H
#define PROBE_TRANSPARENT_H

#include <stddef.h>

/* Private memory that consists of transparent huge pages of 2 MiB, touched; NULL, and errno, when there is none. */
void *map_transparent(size_t bytes);

#endif
