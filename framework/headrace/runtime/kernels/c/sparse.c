/* Sparse rows from the keys of columns: sorted, equal indices summed.
 *
 * Some rows are sorted at once, by Batcher's odd-even merge sort: its comparisons do not depend on
 * the keys, so it compares columns. K. E. Batcher, "Sorting networks and their applications", AFIPS
 * 1968; D. Knuth, "The Art of Computer Programming" 3, algorithm 5.2.2M.
 */
#include "processor.h"
#include "text.h"

#define TILE 32 /* rows that are sorted at once */
#define FOUR 4  /* rows that are written at once, as many keys at a time */
#define MOST_COLUMNS 256
#define AT_ONCE (64 * MOST_COLUMNS) /* codes that stay in a fast cache */
#define MOST_PAIRS 3839 /* of so many columns */
#define NONE 0xFFFFFFFFu /* the key of a cell that gives no feature; sorts last */
#define ONE_AS_BITS 0x3F800000u

typedef uint32_t Keys[TILE]; /* of a column */
typedef uint32_t Four __attribute__((vector_size(4 * FOUR), aligned(4), may_alias));

#if defined(__clang__)
#define SHUFFLED __builtin_shufflevector
#else
#define SHUFFLED(one, other, ...) __builtin_shuffle(one, other, (Four){__VA_ARGS__})
#endif

/* Which columns are compared with which, two bytes a pair; return the number of pairs. */
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

/* Compilers know such loops for a few instructions where they may use wide registers. */
INLINE void sort(Keys *keys, const uint8_t *pairs, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t *restrict one = keys[pairs[2 * i]], *restrict other = keys[pairs[2 * i + 1]];
        for (int row = 0; row < TILE; row++) {
            uint32_t a = one[row], b = other[row];
            one[row] = a < b ? a : b;
            other[row] = a < b ? b : a;
        }
    }
}

/* The keys of a column: those at the places that `codes` give, or without codes one for each row. */
typedef struct {
    const int32_t *codes;
    const uint32_t *keys;
    int64_t key_count;
    const uint8_t *missing;
    const double *weights; /* the number of each row of a numeric column */
} Column;

/* The place of a row among those of the columns. */
INLINE int64_t place_of(const int32_t *order, int64_t row) { return order ? order[row] : row; }

/* Put the keys of some rows side by side, at most a tile. Returns -1 if a code is no place of a
 * key; a column without keys has no features. */
INLINE int gather(const Column *column, const int32_t *codes, const int32_t *order, int64_t first,
                  int count, uint32_t *restrict to) {
    const uint32_t *keys = column->keys;
    uint32_t highest = 0;
    for (int row = column->codes && !column->key_count ? 0 : count; row < TILE; row++) {
        to[row] = NONE;
    }
    if (!column->codes) {
        for (int row = 0; row < count; row++) {
            to[row] = keys[first + row];
        }
        return 0;
    }
    if (!column->key_count) {
        return 0;
    }
    for (int row = TILE; row < 2 * TILE; row += 16) { /* processors foresee few columns at once */
        __builtin_prefetch(codes + row);
    }
    for (int row = 0; row < count; row++) {
        uint32_t code = (uint32_t)codes[row];
        highest = code > highest ? code : highest;
    }
    if (highest >= (uint64_t)column->key_count) {
        return -1;
    }
    for (int row = 0; row < count; row++) {
        to[row] = keys[codes[row]];
    }
    for (int row = 0; column->missing && row < count; row++) {
        to[row] = column->missing[place_of(order, first + row)] ? NONE : to[row];
    }
    return 0;
}

/* Rows whose codes are put in order at once: column by column, so that each is read as it lies. */
typedef struct {
    int64_t start, end;
    int32_t codes[AT_ONCE];
} Ordered;

/* Return where the codes of a column begin for the rows from `first` on. */
INLINE const int32_t *codes_of(const Column *given, int64_t column, const int32_t *order,
                               int64_t columns, int64_t rows, int64_t first, Ordered *ordered) {
    const int64_t most = AT_ONCE / columns / TILE * TILE;
    if (!order || !given[column].codes) {
        return given[column].codes ? given[column].codes + first : 0;
    }
    if (first >= ordered->end) {
        ordered->start = first;
        ordered->end = rows - first < most ? rows : first + most;
        for (int64_t i = 0; i < columns; i++) {
            int32_t *restrict to = ordered->codes + i * most;
            const int32_t *codes = given[i].codes;
            for (int64_t row = first; row < ordered->end; row++) {
                to[row - first] = codes[order[row]];
            }
        }
    }
    return ordered->codes + column * most + (first - ordered->start);
}

/* 1 or -1 by the lowest bit of a key, without a branch: signs are as good as random. */
static inline float sign_of(uint32_t key) {
    uint32_t bits = key << 31 | ONE_AS_BITS;
    float sign;
    memcpy(&sign, &bits, sizeof sign);
    return sign;
}

/* Write the entries of a row; return how many. */
INLINE int64_t entries_of(const Keys *keys, int row, int64_t columns, int32_t *indices,
                          float *values) {
    int64_t count = 0;
    int32_t last = -1;
    for (int64_t column = 0; column < columns && keys[column][row] != NONE; column++) {
        int32_t index = (int32_t)(keys[column][row] >> 1);
        float value = sign_of(keys[column][row]);
        if (index == last) {
            values[count - 1] += value;
            continue;
        }
        indices[count] = last = index;
        values[count++] = value;
    }
    return count;
}

/* Of each row of a tile. */
typedef struct {
    uint32_t counts[TILE]; /* how many keys it has */
    uint32_t equal[TILE];  /* not 0 where two of them have the same index */
} Shape;

INLINE void find_shape(const Keys *keys, int64_t columns, Shape *restrict shape) {
    for (int row = 0; row < TILE; row++) {
        shape->counts[row] = keys[0][row] != NONE;
        shape->equal[row] = 0;
    }
    for (int64_t column = 1; column < columns; column++) {
        const uint32_t *one = keys[column - 1], *other = keys[column];
        for (int row = 0; row < TILE; row++) {
            uint32_t is_there = other[row] != NONE;
            shape->counts[row] += is_there;
            shape->equal[row] |= (one[row] >> 1 == other[row] >> 1) & is_there;
        }
    }
}

/* Write the entries of four rows, in none of which an index stands twice. What is written beyond a
 * row's end belongs to later ones, whose keys there are written later: the last keys come first. */
INLINE void write_four(const Keys *keys, int row, int64_t columns, const int64_t *starts,
                       int32_t *indices, float *values) {
    for (int64_t column = (columns - 1) / FOUR * FOUR; column >= 0; column -= FOUR) {
        Four of[FOUR], turned[FOUR];
        for (int i = 0; i < FOUR; i++) {
            of[i] = *(const Four *)(keys[column + i] + row);
        }
        Four a = SHUFFLED(of[0], of[1], 0, 4, 1, 5), b = SHUFFLED(of[2], of[3], 0, 4, 1, 5);
        Four c = SHUFFLED(of[0], of[1], 2, 6, 3, 7), d = SHUFFLED(of[2], of[3], 2, 6, 3, 7);
        turned[0] = SHUFFLED(a, b, 0, 1, 4, 5);
        turned[1] = SHUFFLED(a, b, 2, 3, 6, 7);
        turned[2] = SHUFFLED(c, d, 0, 1, 4, 5);
        turned[3] = SHUFFLED(c, d, 2, 3, 6, 7);
        for (int i = 0; i < FOUR; i++) {
            *(Four *)(indices + starts[i] + column) = turned[i] >> 1;
            *(Four *)(values + starts[i] + column) = turned[i] << 31 | ONE_AS_BITS;
        }
    }
}

INLINE int64_t sparse_rows(const Column *given, const int32_t *order, int64_t columns, int64_t rows,
                           int32_t *offsets, int32_t *indices, float *values) {
    Keys keys[MOST_COLUMNS + FOUR - 1];
    uint8_t pairs[2 * MOST_PAIRS];
    int64_t total = 0, pair_count = network(columns, pairs);
    Ordered ordered;
    ordered.end = 0;
    for (int64_t i = columns; i < columns + FOUR - 1; i++) { /* turned with the last */
        memset(keys[i], 0xFF, sizeof *keys);
    }
    offsets[0] = 0;
    for (int64_t first = 0; first < rows; first += TILE) {
        int count = rows - first < TILE ? (int)(rows - first) : TILE;
        Shape shape;
        for (int64_t column = 0; column < columns; column++) {
            const int32_t *codes =
                codes_of(given, column, order, columns, rows, first, &ordered);
            if (gather(given + column, codes, order, first, count, keys[column]) < 0) {
                return -1;
            }
        }
        sort(keys, pairs, pair_count);
        find_shape(keys, columns, &shape);
        for (int row = 0; row < count; row += FOUR) {
            const uint32_t *equal = shape.equal + row;
            int64_t starts[FOUR];
            int is_plain = count - row >= FOUR && !(equal[0] | equal[1] | equal[2] | equal[3]);
            for (int i = 0; i < FOUR && row + i < count; i++) {
                starts[i] = total;
                total += is_plain ? shape.counts[row + i]
                                  : entries_of(keys, row + i, columns, indices + total,
                                               values + total);
                offsets[first + row + i + 1] = (int32_t)total;
            }
            if (is_plain) {
                write_four(keys, row, columns, starts, indices, values);
            }
        }
    }
    return total;
}

/* The same where values of numeric columns are weights: the column stands below the index, so that
 * equal indices are summed in the order of their columns, and their numbers are found again. */
INLINE int64_t weighted_rows(const Column *given, const int32_t *order, int64_t columns,
                             int64_t rows, int32_t *offsets, int32_t *indices, double *values) {
    Keys keys[MOST_COLUMNS], signs[MOST_COLUMNS];
    uint8_t pairs[2 * MOST_PAIRS];
    int64_t total = 0, pair_count = network(columns, pairs);
    Ordered ordered;
    ordered.end = 0;
    int shift = 0;
    while (columns > 1ll << shift) {
        shift++;
    }
    const uint32_t below = (1u << shift) - 1;
    offsets[0] = 0;
    for (int64_t first = 0; first < rows; first += TILE) {
        int count = rows - first < TILE ? (int)(rows - first) : TILE;
        for (int64_t column = 0; column < columns; column++) {
            const double *weights = given[column].weights;
            const int32_t *codes =
                codes_of(given, column, order, columns, rows, first, &ordered);
            if (gather(given + column, codes, order, first, count, signs[column]) < 0) {
                return -1;
            }
            for (int row = 0; row < TILE; row++) {
                uint32_t key = signs[column][row];
                keys[column][row] = key == NONE ? NONE : key >> 1 << shift | (uint32_t)column;
            }
            for (int row = 0; weights && row < count; row++) {
                int is_zero = weights[place_of(order, first + row)] == 0;
                keys[column][row] = is_zero ? NONE : keys[column][row];
            }
        }
        sort(keys, pairs, pair_count);
        for (int row = 0; row < count; row++) {
            int32_t last = -1;
            for (int64_t i = 0; i < columns && keys[i][row] != NONE; i++) {
                uint32_t column = keys[i][row] & below;
                int32_t index = (int32_t)(keys[i][row] >> shift);
                double value = sign_of(signs[column][row]);
                if (given[column].weights) {
                    value *= given[column].weights[place_of(order, first + row)];
                }
                if (index == last) {
                    values[total - 1] += value;
                    continue;
                }
                indices[total] = last = index;
                values[total++] = value;
            }
            offsets[first + row + 1] = (int32_t)total;
        }
    }
    return total;
}

#define ROWS(name, target, make)                                                                   \
    target static int64_t name(const Column *given, const int32_t *order, int64_t columns,         \
                               int64_t rows, int32_t *offsets, int32_t *indices, void *values) {   \
        return make(given, order, columns, rows, offsets, indices, values);                        \
    }

ROWS(plain_baseline, , sparse_rows)
ROWS(weighted_baseline, , weighted_rows)
#if HAS_LEVELS
ROWS(plain_avx2, AVX2_TOO, sparse_rows)
ROWS(weighted_avx2, AVX2_TOO, weighted_rows)
#else
#define plain_avx2 plain_baseline
#define weighted_avx2 weighted_baseline
#endif

/* Whether the columns are few enough, and each place among their `rows`. */
static int fits(const int32_t *order, int64_t columns, int64_t rows) {
    return columns <= MOST_COLUMNS && (!order || are_within(order, rows, rows - 1));
}

/* A code of a column is the place of a key among its keys; a column without keys has no features.
 * `order` has the place of each row, if they come in another order than in the columns. `indices`
 * and `values` hold rows * columns, and three more. Returns the number of entries; -1 if there are
 * too many columns, or a code or a place is none. */
int64_t headrace_sparse(const int32_t *const *codes, const uint32_t *const *keys,
                        const int64_t *key_counts, const uint8_t *const *missing,
                        const int32_t *order, int64_t columns, int64_t rows, int32_t *offsets,
                        int32_t *indices, float *values) {
    Column given[MOST_COLUMNS];
    if (!fits(order, columns, rows)) {
        return -1;
    }
    for (int64_t i = 0; i < columns; i++) {
        given[i] = (Column){codes[i], keys[i], key_counts[i], missing[i], 0};
    }
    return (processor_level() >= AVX2 ? plain_avx2 : plain_baseline)(given, order, columns, rows,
                                                                     offsets, indices, values);
}

/* The same with numeric columns: `weights` holds the number of each row of those, null for others.
 * A weight of zero is no feature. `values` are not signs alone, so they are wide. Also returns -1 if
 * index and column do not fit into 32 bits together. */
int64_t headrace_sparse_weighted(const int32_t *const *codes, const uint32_t *const *keys,
                                 const int64_t *key_counts, const uint8_t *const *missing,
                                 const double *const *weights, const int32_t *order,
                                 int64_t columns, int64_t rows, int32_t *offsets, int32_t *indices,
                                 double *values) {
    Column given[MOST_COLUMNS];
    if (!fits(order, columns, rows)) {
        return -1;
    }
    for (int64_t column = 0; column < columns; column++) {
        for (int64_t i = 0; i < key_counts[column]; i++) {
            if ((keys[column][i] >> 1) >= NONE / MOST_COLUMNS) {
                return -1;
            }
        }
        given[column] = (Column){codes[column], keys[column], key_counts[column], missing[column],
                                 weights[column]};
    }
    return (processor_level() >= AVX2 ? weighted_avx2 : weighted_baseline)(
        given, order, columns, rows, offsets, indices, values);
}

/* The same of a key for each cell, column by column; a cell without a feature has the key NONE. */
int64_t headrace_sparse_keys(const uint32_t *keys, int64_t columns, int64_t rows, int32_t *offsets,
                             int32_t *indices, float *values) {
    Column given[MOST_COLUMNS];
    if (columns > MOST_COLUMNS) {
        return -1;
    }
    for (int64_t i = 0; i < columns; i++) {
        given[i] = (Column){0, keys + i * rows, 0, 0, 0};
    }
    return (processor_level() >= AVX2 ? plain_avx2 : plain_baseline)(given, 0, columns, rows,
                                                                     offsets, indices, values);
}
