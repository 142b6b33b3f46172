/* Sparse rows from the keys of columns: sorted, equal indices summed.
 *
 * Eight rows are sorted at once, each in a lane of its own, by Batcher's odd-even merge sort, whose
 * comparisons do not depend on the keys: K. E. Batcher, "Sorting networks and their applications",
 * AFIPS 1968; D. Knuth, "The Art of Computer Programming" 3, algorithm 5.2.2M.
 */
#include "text.h"

#define LANES 8
#define MOST_COLUMNS 256
#define MOST_PAIRS 3839 /* of so many columns */
#define NONE 0xFFFFFFFFu /* the key of a cell that gives no feature; sorts last */

typedef uint32_t Lanes __attribute__((vector_size(4 * LANES)));

static inline __attribute__((always_inline)) void compare(Lanes *one, Lanes *other) {
    Lanes a = *one, b = *other, least, most;
    for (int lane = 0; lane < LANES; lane++) { /* every compiler knows this for two instructions */
        least[lane] = a[lane] < b[lane] ? a[lane] : b[lane];
        most[lane] = a[lane] < b[lane] ? b[lane] : a[lane];
    }
    *one = least;
    *other = most;
}

/* Which lanes are compared with which, two bytes a pair; return the number of pairs. */
static int64_t network(int64_t count, uint8_t *pairs) {
    int64_t top = 1, found = 0;
    while (2 * top < count) {
        top *= 2;
    }
    for (int64_t p = count > 1 ? top : 0; p; p /= 2) {
        int64_t r = 0, d = p;
        for (int64_t q = top; d; q /= 2) {
            for (int64_t i = 0; i < count - d; i++) {
                if ((i & p) == r) {
                    pairs[2 * found] = (uint8_t)i;
                    pairs[2 * found++ + 1] = (uint8_t)(i + d);
                }
            }
            d = q > p ? q - p : 0;
            r = p;
        }
    }
    return found;
}

/* Put the keys of eight rows or fewer into lanes. Without codes there is a key for each row. */
static inline __attribute__((always_inline)) void
gather(const int32_t *codes, const uint32_t *keys, int64_t key_count, const uint8_t *missing,
       int count, Lanes *to) {
    Lanes found;
    if (!codes) {
        for (int lane = 0; lane < LANES; lane++) {
            found[lane] = lane < count ? keys[lane] : NONE;
        }
    } else if (count == LANES && key_count && !missing) {
        for (int lane = 0; lane < LANES; lane++) {
            found[lane] = keys[codes[lane]];
        }
    } else {
        for (int lane = 0; lane < LANES; lane++) {
            int is_there = lane < count && key_count && !(missing && missing[lane]);
            found[lane] = is_there ? keys[codes[lane]] : NONE;
        }
    }
    *to = found;
}

/* Whether each code of a column is the place of a key, unless there are no keys at all. */
static int are_places(const int32_t *codes, int64_t rows, int64_t key_count) {
    uint32_t highest = 0;
    for (int64_t row = 0; row < rows; row++) {
        uint32_t code = (uint32_t)codes[row];
        highest = code > highest ? code : highest;
    }
    return !key_count || highest < (uint64_t)key_count;
}

static int all_are_places(const int32_t *const *codes, const int64_t *key_counts, int64_t columns,
                          int64_t rows) {
    for (int64_t column = 0; column < columns; column++) {
        if (!are_places(codes[column], rows, key_counts[column])) {
            return 0;
        }
    }
    return 1;
}

/* 1 or -1 by the lowest bit of a key, without a branch: signs are as good as random. */
static inline float sign_of(uint32_t key) {
    uint32_t bits = key << 31 | 0x3F800000u;
    float sign;
    memcpy(&sign, &bits, sizeof sign);
    return sign;
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
        float value = sign_of(key);
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
    uint8_t pairs[2 * MOST_PAIRS];
    int64_t total = 0, pair_count = network(columns, pairs);
    offsets[0] = 0;
    for (int64_t first = 0; first < rows; first += LANES) {
        int count = rows - first < LANES ? (int)(rows - first) : LANES;
        for (int64_t column = 0; column < columns; column++) {
            if (!codes) {
                gather(0, keys[column] + first, 0, 0, count, lanes + column);
                continue;
            }
            gather(codes[column] + first, keys[column], key_counts[column],
                   missing[column] ? missing[column] + first : 0, count, lanes + column);
        }
        for (int64_t i = 0; i < pair_count; i++) {
            compare(lanes + pairs[2 * i], lanes + pairs[2 * i + 1]);
        }
        for (int lane = 0; lane < count; lane++) {
            total += entries_of(lanes, lane, columns, indices + total, values + total);
            offsets[first + lane + 1] = (int32_t)total;
        }
    }
    return total;
}

/* The same where values of numeric columns are weights: the column stands below the index, so that
 * equal indices are summed in the order of their columns, and their numbers are found again. */
static inline __attribute__((always_inline)) int64_t
weighted_rows(const int32_t *const *codes, const uint32_t *const *keys, const int64_t *key_counts,
              const uint8_t *const *missing, const double *const *weights, int64_t columns,
              int64_t rows, int32_t *offsets, int32_t *indices, double *values) {
    Lanes lanes[MOST_COLUMNS], given[MOST_COLUMNS];
    uint8_t pairs[2 * MOST_PAIRS];
    int64_t total = 0, pair_count = network(columns, pairs);
    int shift = 0;
    while (columns > 1ll << shift) {
        shift++;
    }
    const uint32_t below = (1u << shift) - 1;
    offsets[0] = 0;
    for (int64_t first = 0; first < rows; first += LANES) {
        int count = rows - first < LANES ? (int)(rows - first) : LANES;
        for (int64_t column = 0; column < columns; column++) {
            gather(codes[column] + first, keys[column], key_counts[column],
                   missing[column] ? missing[column] + first : 0, count, given + column);
            for (int lane = 0; lane < LANES; lane++) {
                uint32_t key = given[column][lane];
                int is_there = key != NONE;
                /* a lane beyond the rows has no key, so its weight is not looked at */
                is_there = is_there && !(weights[column] && weights[column][first + lane] == 0);
                lanes[column][lane] = is_there ? key >> 1 << shift | (uint32_t)column : NONE;
            }
        }
        for (int64_t i = 0; i < pair_count; i++) {
            compare(lanes + pairs[2 * i], lanes + pairs[2 * i + 1]);
        }
        for (int lane = 0; lane < count; lane++) {
            int32_t last = -1;
            for (int64_t i = 0; i < columns && lanes[i][lane] != NONE; i++) {
                uint32_t column = lanes[i][lane] & below;
                int32_t index = (int32_t)(lanes[i][lane] >> shift);
                double value = sign_of(given[column][lane]);
                if (weights[column]) {
                    value *= weights[column][first + lane];
                }
                if (index == last) {
                    values[total - 1] += value;
                    continue;
                }
                indices[total] = last = index;
                values[total++] = value;
            }
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

__attribute__((target("avx2"))) static int64_t
weighted_rows_avx2(const int32_t *const *codes, const uint32_t *const *keys,
                   const int64_t *key_counts, const uint8_t *const *missing,
                   const double *const *weights, int64_t columns, int64_t rows, int32_t *offsets,
                   int32_t *indices, double *values) {
    return weighted_rows(codes, keys, key_counts, missing, weights, columns, rows, offsets,
                         indices, values);
}
#endif

static int64_t any_sparse_rows(const int32_t *const *codes, const uint32_t *const *keys,
                               const int64_t *key_counts, const uint8_t *const *missing,
                               int64_t columns, int64_t rows, int32_t *offsets, int32_t *indices,
                               float *values) {
#if defined(__x86_64__)
    if (has_avx2()) {
        return sparse_rows_avx2(codes, keys, key_counts, missing, columns, rows, offsets, indices,
                                values);
    }
#endif
    return sparse_rows(codes, keys, key_counts, missing, columns, rows, offsets, indices, values);
}

/* A code of a column is the place of a key among its keys; a column without keys has no features.
 * `indices` and `values` hold rows * columns. Returns the number of entries; -1 if there are too
 * many columns, or a code is no place. */
int64_t headrace_sparse(const int32_t *const *codes, const uint32_t *const *keys,
                        const int64_t *key_counts, const uint8_t *const *missing, int64_t columns,
                        int64_t rows, int32_t *offsets, int32_t *indices, float *values) {
    if (columns > MOST_COLUMNS) {
        return -1;
    }
    if (!all_are_places(codes, key_counts, columns, rows)) {
        return -1;
    }
    return any_sparse_rows(codes, keys, key_counts, missing, columns, rows, offsets, indices,
                           values);
}

/* The same with numeric columns: `weights` holds the number of each row of those, null for others.
 * A weight of zero is no feature. `values` are not signs alone, so they are wide. Also returns -1 if
 * index and column do not fit into 32 bits together. */
int64_t headrace_sparse_weighted(const int32_t *const *codes, const uint32_t *const *keys,
                                 const int64_t *key_counts, const uint8_t *const *missing,
                                 const double *const *weights, int64_t columns, int64_t rows,
                                 int32_t *offsets, int32_t *indices, double *values) {
    if (columns > MOST_COLUMNS || !all_are_places(codes, key_counts, columns, rows)) {
        return -1;
    }
    for (int64_t column = 0; column < columns; column++) {
        for (int64_t i = 0; i < key_counts[column]; i++) {
            if ((keys[column][i] >> 1) >= NONE / MOST_COLUMNS) {
                return -1;
            }
        }
    }
#if defined(__x86_64__)
    if (has_avx2()) {
        return weighted_rows_avx2(codes, keys, key_counts, missing, weights, columns, rows, offsets,
                                  indices, values);
    }
#endif
    return weighted_rows(codes, keys, key_counts, missing, weights, columns, rows, offsets, indices,
                         values);
}

/* The same of a key for each cell, column by column; a cell without a feature has the key NONE. */
int64_t headrace_sparse_keys(const uint32_t *keys, int64_t columns, int64_t rows, int32_t *offsets,
                             int32_t *indices, float *values) {
    const uint32_t *by_column[MOST_COLUMNS];
    if (columns > MOST_COLUMNS) {
        return -1;
    }
    for (int64_t column = 0; column < columns; column++) {
        by_column[column] = keys + column * rows;
    }
    return any_sparse_rows(0, by_column, 0, 0, columns, rows, offsets, indices, values);
}
