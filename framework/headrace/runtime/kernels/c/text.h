/* Words of a text read without reading beyond it, numbers checked and mixed. */
#ifndef HEADRACE_TEXT_H
#define HEADRACE_TEXT_H

#include "kernels.h"

static inline uint32_t word32(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t word64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static const uint64_t bytes_of_size[] = {
    0,           0xFF,          0xFFFF,          0xFFFFFF,         0xFFFFFFFF, 0xFFFFFFFFFF,
    0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, UINT64_MAX};

/* The first bytes, at most eight, zero beyond them; `room` bytes may be read. */
static inline uint64_t first_word(const uint8_t *bytes, int64_t size, int64_t room) {
    if (room >= 8) {
        return word64(bytes) & bytes_of_size[size < 8 ? size : 8];
    }
    uint64_t word = 0;
    for (int64_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << 8 * i;
    }
    return word;
}

typedef uint8_t Sixteen __attribute__((vector_size(16), aligned(1), may_alias));

/* No `memcpy`: of two of them with different sizes, clang makes one call of a function. */
static inline void copy_16(uint8_t *to, const uint8_t *from) {
    *(Sixteen *)to = *(const Sixteen *)from;
}

/* Copy a text; `room` bytes may be read, and written: a short one takes those behind it along. */
INLINE void copy_text(uint8_t *to, const uint8_t *from, int64_t size, int64_t room) {
    if (size <= 16 && room >= 16) {
        copy_16(to, from);
    } else if (size <= 32 && room >= 32) {
        copy_16(to, from);
        copy_16(to + 16, from + 16);
    } else if (size) {
        memcpy(to, from, (uint64_t)size);
    }
}

/* Whether numbers are within 0 to `last`: a negative one has the highest bit, or what it is below. */
INLINE int are_within(const int32_t *numbers, int64_t count, int64_t last) {
    uint32_t beyond = 0;
    for (int64_t i = 0; i < count; i++) {
        beyond |= (uint32_t)numbers[i] | ((uint32_t)last - (uint32_t)numbers[i]);
    }
    return !(beyond >> 31);
}

static inline uint32_t rotated(uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
}

/* The finaliser of SplitMix64, https://prng.di.unimi.it/splitmix64.c */
static inline uint64_t mix64(uint64_t word) {
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
    word = (word ^ word >> 27) * 0x94D049BB133111EBu;
    return word ^ word >> 31;
}

#define GAMMA 0x9E3779B97F4A7C15u

#endif
