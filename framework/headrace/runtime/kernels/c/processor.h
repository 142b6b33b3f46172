/* Which instructions this processor has beside those that every one of its kind has.
 *
 * A kernel whose loops gain from them is one inline function, for compilers to make each of its
 * versions from: `AVX2_TOO` and `AVX512_TOO` mark the functions it is inlined into.
 */
#ifndef HEADRACE_PROCESSOR_H
#define HEADRACE_PROCESSOR_H

#include "kernels.h"

enum { BASELINE = 0, AVX2 = 1, AVX512 = 2 };

/* The level that kernels keep to. */
int32_t processor_level(void);

/* Whether that is AVX-512 with VBMI2, which packs bytes; processors before 2019 lack it. */
int processor_packs(void);

#if defined(__x86_64__)
#define HAS_LEVELS 1
#define AVX2_TOO __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define AVX512_TOO __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")))
#define PACKING_TOO                                                                                \
    __attribute__((target("popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2")))
#else
#define HAS_LEVELS 0
#endif

#endif
