/* Rows of plain columns: lines of CSV. */
#include "text.h"

/* The size of what `headrace_csv_lines` writes; -1 if a code is beyond its column's texts. Without
 * codes a column has as many texts as there are rows. */
int64_t headrace_csv_size(const int32_t *const *codes, const int64_t *const *offsets,
                          const int64_t *counts, int64_t columns, int64_t rows) {
    int64_t size = columns * rows;
    for (int64_t column = 0; column < columns; column++) {
        const int64_t *starts = offsets[column];
        if (!codes[column]) {
            size += starts[counts[column]] - starts[0];
            continue;
        }
        for (int64_t row = 0; row < rows; row++) {
            int64_t text = codes[column][row];
            if (text < -1 || text >= counts[column]) {
                return -1;
            }
            size += text < 0 ? 0 : starts[text + 1] - starts[text];
        }
    }
    return size;
}

/* Write the texts of each row, a comma between them and a line end behind the last. `codes` says
 * which of a column's texts stands in each row, -1 for none; without codes each row has its own.
 * `sizes` are the bytes of each column's texts, `room` those of `lines`. Returns the bytes written,
 * which `headrace_csv_size` tells before; `room` has to be as many, and is better 32 more. */
int64_t headrace_csv_lines(const int32_t *const *codes, const int64_t *const *offsets,
                           const uint8_t *const *data, const int64_t *sizes, int64_t columns,
                           int64_t rows, uint8_t *restrict lines, int64_t room) {
    int64_t at = 0;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            int64_t text = codes[column] ? codes[column][row] : row;
            if (text >= 0) {
                int64_t start = offsets[column][text], size = offsets[column][text + 1] - start;
                int64_t readable = sizes[column] - start, left = room - at;
                copy_text(lines + at, data[column] + start, size, readable < left ? readable : left);
                at += size;
            }
            lines[at++] = ',';
        }
        lines[at - 1] = '\n';
    }
    return at;
}
