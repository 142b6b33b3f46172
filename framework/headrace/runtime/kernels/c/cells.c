/* Rows of columns that are kept by their distinct values. `codes` say which value of its column stands
 * in each row; each has as many bytes as `sizes` says, 1, 2 or 4, and only the last may be negative.
 * Where a size is 0 there are no codes: each row has a value of its own. `counts` are the values of
 * each column. The functions return -1, and leave their results half done, if a code is beyond them. */
#include "text.h"

enum { ROWS_AT_ONCE = 512, BYTES_AT_ONCE = 1 << 14, FEWEST_ROWS = 16 }; /* for the fastest cache */

#define WIDEN(type)                             \
    for (int64_t i = 0; i < count; i++) {       \
        room[i] = ((const type *)codes)[row + i]; \
    }

/* The codes of some rows with 32 bits, if need be in `room`; none if there are none, or if one is
 * beyond the values, which `*are_right` says then. */
static inline const int32_t *codes_of(const void *codes, int64_t size, int64_t row, int64_t count,
                                      int64_t values, int32_t *room, int *are_right) {
    const int32_t *chosen = room;
    if (size == 1) {
        WIDEN(uint8_t)
    } else if (size == 2) {
        WIDEN(uint16_t)
    } else if (size == 4) {
        chosen = (const int32_t *)codes + row;
    } else {
        *are_right = !size && row + count <= values;
        return 0;
    }
    *are_right = are_within(chosen, count, values - 1);
    return chosen;
}

#define PUT(type)                                                                   \
    type *restrict to = (type *)matrix + (row - first) * columns + column;          \
    const type *from = values[column];                                              \
    for (int64_t i = 0; i < count; i++) {                                           \
        to[i * columns] = from[chosen ? chosen[i] : row + i];                       \
    }

/* Put the values of the rows `first` to `end` side by side, row after row; each has `size` bytes, 4 or
 * 8. */
int64_t headrace_side_by_side(const void *const *codes, const int64_t *sizes,
                              const void *const *values, const int64_t *counts, int64_t columns,
                              int64_t first, int64_t end, int64_t size, void *restrict matrix) {
    int32_t room[ROWS_AT_ONCE];
    int64_t most = BYTES_AT_ONCE / (size * (columns ? columns : 1));
    most = most < FEWEST_ROWS ? FEWEST_ROWS : most > ROWS_AT_ONCE ? ROWS_AT_ONCE : most;
    for (int64_t row = first; row < end; row += most) {
        int64_t count = end - row < most ? end - row : most;
        for (int64_t column = 0; column < columns; column++) {
            int are_right;
            const int32_t *chosen = codes_of(codes[column], sizes[column], row, count,
                                             counts[column], room, &are_right);
            if (!are_right) {
                return -1;
            }
            if (size == 4) {
                PUT(uint32_t)
            } else {
                PUT(uint64_t)
            }
        }
    }
    return 0;
}

/* Add to each row's sum the values of its cells. */
int64_t headrace_add_cells(const void *const *codes, const int64_t *sizes,
                           const uint64_t *const *values, const int64_t *counts, int64_t columns,
                           int64_t rows, uint64_t *restrict sums) {
    int32_t room[ROWS_AT_ONCE];
    for (int64_t row = 0; row < rows; row += ROWS_AT_ONCE) {
        int64_t count = rows - row < ROWS_AT_ONCE ? rows - row : ROWS_AT_ONCE;
        uint64_t *restrict to = sums + row;
        for (int64_t column = 0; column < columns; column++) {
            int are_right;
            const uint64_t *from = values[column];
            const int32_t *chosen = codes_of(codes[column], sizes[column], row, count,
                                             counts[column], room, &are_right);
            if (!are_right) {
                return -1;
            }
            for (int64_t i = 0; i < count; i++) {
                to[i] += from[chosen ? chosen[i] : row + i];
            }
        }
    }
    return 0;
}
