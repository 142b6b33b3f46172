/* Rows of columns that are kept by their distinct values. `codes` say which value of its column stands
 * in each row; of a column without codes each row has a value of its own. `counts` are the values of
 * each column. The functions return -1, and leave their results half done, if a code is beyond them. */
#include "text.h"

enum { ROWS_AT_ONCE = 512, BYTES_AT_ONCE = 1 << 14, FEWEST_ROWS = 16 }; /* for the fastest cache */

#define PUT(type)                                                                   \
    type *restrict to = (type *)matrix + (row - first) * columns + column;          \
    const type *from = values[column];                                              \
    for (int64_t i = 0; i < count; i++) {                                           \
        to[i * columns] = from[chosen ? chosen[i] : row + i];                       \
    }

/* Put the values of the rows `first` to `end` side by side, row after row; each value has `size` bytes,
 * 4 or 8. */
int64_t headrace_side_by_side(const int32_t *const *codes, const void *const *values,
                              const int64_t *counts, int64_t columns, int64_t first, int64_t end,
                              int64_t size, void *restrict matrix) {
    int64_t most = BYTES_AT_ONCE / (size * (columns ? columns : 1));
    most = most < FEWEST_ROWS ? FEWEST_ROWS : most;
    for (int64_t row = first; row < end; row += most) {
        int64_t count = end - row < most ? end - row : most;
        for (int64_t column = 0; column < columns; column++) {
            const int32_t *chosen = codes[column] ? codes[column] + row : 0;
            if (chosen ? !are_within(chosen, count, counts[column] - 1) : counts[column] < end) {
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
int64_t headrace_add_cells(const int32_t *const *codes, const uint64_t *const *values,
                           const int64_t *counts, int64_t columns, int64_t rows,
                           uint64_t *restrict sums) {
    for (int64_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        int64_t count = rows - first < ROWS_AT_ONCE ? rows - first : ROWS_AT_ONCE;
        uint64_t *restrict to = sums + first;
        for (int64_t column = 0; column < columns; column++) {
            const int32_t *chosen = codes[column] ? codes[column] + first : 0;
            const uint64_t *from = values[column];
            if (chosen ? !are_within(chosen, count, counts[column] - 1) : counts[column] < rows) {
                return -1;
            }
            for (int64_t i = 0; i < count; i++) {
                to[i] += from[chosen ? chosen[i] : first + i];
            }
        }
    }
    return 0;
}
