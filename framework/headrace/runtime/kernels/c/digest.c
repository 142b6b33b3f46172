/* Digests of rows: sums of the hashes of their cells, as headrace.runtime.output.digest defines.
 *
 * The hash of a number is three multiplications of 64 bits. AVX-512 has an instruction for eight at
 * once, which compilers choose for the plain loops here where a function may use it.
 */
#include "processor.h"
#include "text.h"

#define PIECE 512 /* hashes at once, which stay in the fastest cache */

static inline uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

INLINE void hash_entries(const uint32_t *restrict indices, const void *restrict values,
                         int is_double, int64_t count, uint64_t *restrict hashes) {
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

INLINE void add_hashes(const uint64_t *restrict numbers, int64_t count, uint64_t key,
                       uint64_t *restrict sums) {
    for (int64_t i = 0; i < count; i++) {
        sums[i] += mix64(numbers[i] * GAMMA + key);
    }
}

/* Hashes some entries. */
typedef void Hash(const uint32_t *indices, const void *values, int is_double, int64_t count,
                  uint64_t *hashes);
/* Adds the hash of each number to a sum. */
typedef void Add(const uint64_t *numbers, int64_t count, uint64_t key, uint64_t *sums);

#define VERSIONS(level, target)                                                                    \
    target static void hash_##level(const uint32_t *indices, const void *values, int is_double,    \
                                    int64_t count, uint64_t *hashes) {                             \
        hash_entries(indices, values, is_double, count, hashes);                                   \
    }                                                                                              \
    target static void add_##level(const uint64_t *numbers, int64_t count, uint64_t key,           \
                                   uint64_t *sums) {                                               \
        add_hashes(numbers, count, key, sums);                                                     \
    }

VERSIONS(baseline, )
#if HAS_LEVELS
VERSIONS(avx512, AVX512_TOO)
static Hash *const hash[] = {hash_baseline, hash_baseline, hash_avx512};
static Add *const add[] = {add_baseline, add_baseline, add_avx512};
#else
static Hash *const hash[] = {hash_baseline};
static Add *const add[] = {add_baseline};
#endif

/* Whether rows follow each other within the entries. */
static int are_rows(const int64_t *offsets, int64_t rows, int64_t entries) {
    int are_right = offsets[0] >= 0 && offsets[rows] <= entries;
    for (int64_t row = 0; row < rows; row++) {
        are_right &= offsets[row] <= offsets[row + 1];
    }
    return are_right;
}

/* Add the digest of each row to `total`: the mixed sum of what stands beside its entries, of the
 * width and of their hashes. Without offsets rows have no entries. Returns -1 if a row is not within
 * them. */
int64_t headrace_digest(const int64_t *offsets, const uint32_t *indices, const void *values,
                        int32_t is_double, int64_t entries, int64_t rows, const uint64_t *beside,
                        uint64_t width, uint64_t *total) {
    uint64_t hashes[PIECE], sum = 0, digest = 0;
    if (offsets && !are_rows(offsets, rows, entries)) {
        return -1;
    }
    int64_t row = 0, at = offsets ? offsets[0] : 0, end = offsets ? offsets[rows] : 0;
    for (; row < rows && (!offsets || offsets[row + 1] == at); row++) {
        digest += mix64(beside[row] + width);
    }
    while (at < end) {
        int64_t start = at, count = end - at < PIECE ? end - at : PIECE;
        const void *numbers = (const char *)values + (is_double ? 8 : 4) * at;
        hash[processor_level()](indices + at, numbers, is_double, count, hashes);
        for (; row < rows && offsets[row + 1] <= start + count; row++) {
            for (; at < offsets[row + 1]; at++) {
                sum += hashes[at - start];
            }
            digest += mix64(beside[row] + width + sum);
            sum = 0;
        }
        for (; at < start + count; at++) {
            sum += hashes[at - start];
        }
    }
    *total += digest;
    return 0;
}

/* Add to each sum the hash of its number. The numbers of a column, whose hashes have a key of their own,
 * end where those of the next one begin: at `ends`. */
void headrace_digest_numbers(const uint64_t *numbers, const int64_t *ends, const uint64_t *keys,
                             int64_t columns, uint64_t *sums) {
    Add *const adds = add[processor_level()];
    for (int64_t column = 0, start = 0; column < columns; start = ends[column++]) {
        adds(numbers + start, ends[column] - start, keys[column], sums + start);
    }
}
