/* The level of this processor, found out once. */
#include "processor.h"

#define UNKNOWN -1

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
    return has_all(b, avx512) && has_all(kept, 0xE6) ? AVX512 : AVX2;
}
#else
static int32_t found(void) { return BASELINE; }
#endif

int32_t processor_level(void) {
    int32_t level = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (level == UNKNOWN) {
        level = found();
        __atomic_store_n(&chosen, level, __ATOMIC_RELAXED);
    }
    return level;
}

/* Keep to a level, or to the processor's own if that is less; return which it is. */
int32_t headrace_level(int32_t most) {
    int32_t level = found();
    level = most < level ? most : level;
    __atomic_store_n(&chosen, level, __ATOMIC_RELAXED);
    return level;
}
