/* The level of this processor, found out once. */
#include "processor.h"

#define UNKNOWN -1
#define PACKS 16 /* beside the level */

static int32_t chosen = UNKNOWN;

#if HAS_LEVELS
#include <cpuid.h>

static int has_all(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

/* The system has to keep the wide registers, too. */
static int32_t found(void) {
    const uint32_t avx2 = 1u << 3 | 1u << 5 | 1u << 8;                /* and BMI1, BMI2 */
    const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    uint32_t a, b, c, d, kept, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_all(c, 1u << 23 | 1u << 27 | 1u << 28)) {
        return BASELINE; /* POPCNT, OSXSAVE, AVX */
    }
    __asm__ volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has_all(b, avx2) || !has_all(kept, 0x06)) {
        return BASELINE;
    }
    if (!has_all(b, avx512) || !has_all(kept, 0xE6)) {
        return AVX2;
    }
    return has_all(c, 1u << 6) ? AVX512 | PACKS : AVX512;
}
#else
static int32_t found(void) { return BASELINE; }
#endif

static int32_t known(void) {
    int32_t level = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (level == UNKNOWN) {
        level = found();
        __atomic_store_n(&chosen, level, __ATOMIC_RELAXED);
    }
    return level;
}

int32_t processor_level(void) { return known() & ~PACKS; }

int processor_packs(void) { return known() & PACKS; }

/* Keep to a level, or to the processor's own if that is less; return which it is. */
int64_t headrace_level(int32_t most) {
    int32_t level = found();
    level = most < (level & ~PACKS) ? most : level;
    __atomic_store_n(&chosen, level, __ATOMIC_RELAXED);
    return level & ~PACKS;
}
