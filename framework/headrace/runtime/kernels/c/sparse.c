/* Sparse rows from the keys of columns: sorted, equal indices summed; and their digests.
 *
 * Eight rows are sorted at once, each in a lane of its own, by Batcher's odd-even merge sort, whose
 * comparisons do not depend on the keys: K. E. Batcher, "Sorting networks and their applications",
 * AFIPS 1968; D. Knuth, "The Art of Computer Programming" 3, algorithm 5.2.2M.
 */
#include "text.h"

#define LANES 8
#define MOST_COLUMNS 256
#define NONE 0xFFFFFFFFu /* the key of a cell that gives no feature; sorts last */

typedef uint32_t Lanes[LANES];

static inline __attribute__((always_inline)) void compare(Lanes one, Lanes other) {
    for (int lane = 0; lane < LANES; lane++) {
        uint32_t a = one[lane], b = other[lane];
        one[lane] = a < b ? a : b;
        other[lane] = a < b ? b : a;
    }
}

static inline __attribute__((always_inline)) void sort_lanes(Lanes *keys, int64_t count) {
    int64_t top = 1;
    while (2 * top < count) {
        top *= 2;
    }
    for (int64_t p = count > 1 ? top : 0; p; p /= 2) {
        int64_t r = 0, d = p;
        for (int64_t q = top; d; q /= 2) {
            for (int64_t i = 0; i < count - d; i++) {
                if ((i & p) == r) {
                    compare(keys[i], keys[i + d]);
                }
            }
            d = q > p ? q - p : 0;
            r = p;
        }
    }
}

/* Write the entries of one lane; return how many. */
static inline int64_t entries_of(const Lanes *keys, int lane, int64_t columns, int32_t *indices,
                                 float *values) {
    int64_t count = 0;
    int32_t last = -1;
    for (int64_t column = 0; column < columns; column++) {
        uint32_t key = keys[column][lane];
        if (key == NONE) {
            break;
        }
        int32_t index = (int32_t)(key >> 1);
        float value = key & 1 ? -1.0f : 1.0f;
        if (index == last) {
            values[count - 1] += value;
            continue;
        }
        indices[count] = last = index;
        values[count++] = value;
    }
    return count;
}

static inline __attribute__((always_inline)) int64_t
sparse_rows(const int32_t *const *codes, const uint32_t *const *keys, const int64_t *key_counts,
            const uint8_t *const *missing, int64_t columns, int64_t rows, int32_t *offsets,
            int32_t *indices, float *values) {
    Lanes lanes[MOST_COLUMNS];
    int64_t total = 0;
    offsets[0] = 0;
    for (int64_t first = 0; first < rows; first += LANES) {
        int count = rows - first < LANES ? (int)(rows - first) : LANES;
        for (int64_t column = 0; column < columns; column++) {
            const int32_t *code = codes[column] + first;
            const uint8_t *without = missing[column] ? missing[column] + first : 0;
            for (int lane = 0; lane < LANES; lane++) {
                int is_there = lane < count && !(without && without[lane]);
                is_there = is_there && (uint32_t)code[lane] < (uint64_t)key_counts[column];
                lanes[column][lane] = is_there ? keys[column][code[lane]] : NONE;
            }
        }
        sort_lanes(lanes, columns);
        for (int lane = 0; lane < count; lane++) {
            total += entries_of((const Lanes *)lanes, lane, columns, indices + total, values + total);
            offsets[first + lane + 1] = (int32_t)total;
        }
    }
    return total;
}

#if defined(__x86_64__)
#include <cpuid.h>

/* AVX2 needs the processor to have it and the system to keep its registers. */
static int has_avx2(void) {
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (1u << 27 | 1u << 28)) != (1u << 27 | 1u << 28)) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 5 & 1;
}

__attribute__((target("avx2"))) static int64_t
sparse_rows_avx2(const int32_t *const *codes, const uint32_t *const *keys,
                 const int64_t *key_counts, const uint8_t *const *missing, int64_t columns,
                 int64_t rows, int32_t *offsets, int32_t *indices, float *values) {
    return sparse_rows(codes, keys, key_counts, missing, columns, rows, offsets, indices, values);
}
#endif

/* A code of a column is the place of a key among its keys; one beyond them gives no feature.
 * `indices` and `values` hold rows * columns. Returns the number of entries; -1 if there are too
 * many columns. */
int64_t headrace_sparse(const int32_t *const *codes, const uint32_t *const *keys,
                        const int64_t *key_counts, const uint8_t *const *missing, int64_t columns,
                        int64_t rows, int32_t *offsets, int32_t *indices, float *values) {
    if (columns > MOST_COLUMNS) {
        return -1;
    }
#if defined(__x86_64__)
    if (has_avx2()) {
        return sparse_rows_avx2(codes, keys, key_counts, missing, columns, rows, offsets, indices,
                                values);
    }
#endif
    return sparse_rows(codes, keys, key_counts, missing, columns, rows, offsets, indices, values);
}

/* Add the hash of each entry to its row's sum. */
void headrace_digest(const int64_t *offsets, const uint32_t *indices, const void *values,
                     int32_t is_double, int64_t rows, uint64_t *sums) {
    for (int64_t row = 0; row < rows; row++) {
        uint64_t sum = 0;
        for (int64_t at = offsets[row]; at < offsets[row + 1]; at++) {
            double value = is_double ? ((const double *)values)[at] : ((const float *)values)[at];
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            sum += mix64(bits * GAMMA + indices[at]);
        }
        sums[row] += sum;
    }
}
