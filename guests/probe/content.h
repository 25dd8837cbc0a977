/* SPDX-License-Identifier: MIT */
#ifndef PROBE_CONTENT_H
#define PROBE_CONTENT_H

#include <stdint.h>

/*
 * What is written where, so that every byte tells whose it is. Words of different numbers or indices have next to nothing
 * in common. Bytes of memory are odd, bytes of a transfer even, and none is zero.
 */

static inline uint64_t mixed_word(uint64_t number, uint64_t index)
{
	/* The low bytes of a product repeat soon; the high ones don't. More mixing is slow under emulation. */
	uint64_t word = number * 0x9e3779b97f4a7c15 + index * 0xc2b2ae3d27d4eb4f;

	return word ^ word >> 32;
}

/* The word at that index of memory with contents of that number. */
static inline uint64_t content_word(uint64_t number, uint64_t index)
{
	return mixed_word(number, index) | 0x0101010101010101;
}

/* What the transfer of that number brings to the address 8 * index. */
static inline uint64_t transfer_word(uint64_t number, uint64_t index)
{
	return (mixed_word(number, index) & ~0x0101010101010101ull) | 0x0202020202020202;
}

/* A byte of a word as it lies in memory. */
static inline uint8_t byte_of(uint64_t word, unsigned int index)
{
	return word >> index * 8;
}

#endif
