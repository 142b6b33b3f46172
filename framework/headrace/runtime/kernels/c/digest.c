/* Digests of rows: sums of the hashes of their cells, as headrace.runtime.output.digest defines.
 *
 * The hash of a number is three multiplications of 64 bits. AVX-512 has an instruction for eight at
 * once, which compilers choose for the plain loops here where a function may use it.
 */
#include "text.h"

#define PIECE 512 /* hashes at once, which stay in the fastest cache */

static inline uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline __attribute__((always_inline)) void
hash_entries(const uint32_t *restrict indices, const void *restrict values, int is_double,
             int64_t count, uint64_t *restrict hashes) {
    if (is_double) {
        const double *numbers = values;
        for (int64_t i = 0; i < count; i++) {
            hashes[i] = mix64(bits_of(numbers[i]) * GAMMA + indices[i]);
        }
    } else {
        const float *numbers = values;
        for (int64_t i = 0; i < count; i++) {
            hashes[i] = mix64(bits_of(numbers[i]) * GAMMA + indices[i]);
        }
    }
}

static inline __attribute__((always_inline)) void
add_hashes(const uint64_t *restrict numbers, int64_t count, uint64_t key, uint64_t *restrict sums) {
    for (int64_t i = 0; i < count; i++) {
        sums[i] += mix64(numbers[i] * GAMMA + key);
    }
}

#if defined(__x86_64__)
#include <cpuid.h>

#define WIDE __attribute__((target("avx512f,avx512dq,avx512vl")))

/* AVX-512 needs the processor to have it and the system to keep its registers. */
static int has_avx512(void) {
    const uint32_t wanted = 1u << 16 | 1u << 17 | 1u << 31; /* its base, DQ and VL */
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 0xE6) == 0xE6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & wanted) == wanted;
}

WIDE static void hash_entries_wide(const uint32_t *indices, const void *values, int is_double,
                                   int64_t count, uint64_t *hashes) {
    hash_entries(indices, values, is_double, count, hashes);
}

WIDE static void add_hashes_wide(const uint64_t *numbers, int64_t count, uint64_t key,
                                 uint64_t *sums) {
    add_hashes(numbers, count, key, sums);
}
#else
static int has_avx512(void) { return 0; }
#define hash_entries_wide hash_entries
#define add_hashes_wide add_hashes
#endif

/* Whether rows follow each other within the entries. */
static int are_rows(const int64_t *offsets, int64_t rows, int64_t entries) {
    int are_right = offsets[0] >= 0 && offsets[rows] <= entries;
    for (int64_t row = 0; row < rows; row++) {
        are_right &= offsets[row] <= offsets[row + 1];
    }
    return are_right;
}

/* Add the digest of each row to `total`: the mixed sum of what stands beside its entries and of
 * their hashes. Without offsets rows have no entries. Returns -1 if a row is not within them. */
int64_t headrace_digest(const int64_t *offsets, const uint32_t *indices, const void *values,
                        int32_t is_double, int64_t entries, int64_t rows, const uint64_t *beside,
                        uint64_t *total) {
    uint64_t hashes[PIECE], sum = 0, digest = 0;
    int is_wide = has_avx512();
    if (offsets && !are_rows(offsets, rows, entries)) {
        return -1;
    }
    int64_t row = 0, at = offsets ? offsets[0] : 0, end = offsets ? offsets[rows] : 0;
    for (; row < rows && (!offsets || offsets[row + 1] == at); row++) {
        digest += mix64(beside[row]);
    }
    while (at < end) {
        int64_t start = at, count = end - at < PIECE ? end - at : PIECE;
        const void *numbers = (const char *)values + (is_double ? 8 : 4) * at;
        (is_wide ? hash_entries_wide : hash_entries)(indices + at, numbers, is_double, count, hashes);
        for (; row < rows && offsets[row + 1] <= start + count; row++) {
            for (; at < offsets[row + 1]; at++) {
                sum += hashes[at - start];
            }
            digest += mix64(beside[row] + sum);
            sum = 0;
        }
        for (; at < start + count; at++) {
            sum += hashes[at - start];
        }
    }
    *total += digest;
    return 0;
}

/* Add to each row's sum the hash of a number. */
void headrace_digest_numbers(const uint64_t *numbers, int64_t rows, uint64_t key, uint64_t *sums) {
    (has_avx512() ? add_hashes_wide : add_hashes)(numbers, rows, key, sums);
}
