/* Rows of plain columns: lines of CSV. */
#include "text.h"

/* Where a text begins: Arrow's offsets have 32 bits, or 64 (`wide`). */
static inline int64_t start_of(const void *offsets, int wide, int64_t text) {
    return wide ? ((const int64_t *)offsets)[text] : ((const int32_t *)offsets)[text];
}

static inline int has_empty(const void *offsets, int wide, int64_t rows, const uint8_t *validity,
                            int64_t validity_offset) {
    uint32_t empty = 0;
    if (!validity && !wide) {
        const int32_t *starts = offsets;
        for (int64_t row = 0; row < rows; row++) {
            empty |= starts[row] == starts[row + 1];
        }
        return (int)empty;
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t bit = validity_offset + row;
        uint32_t given = validity ? (uint32_t)validity[bit >> 3] >> (bit & 7) & 1 : 1;
        empty |= given & (start_of(offsets, wide, row) == start_of(offsets, wide, row + 1));
    }
    return (int)empty;
}

/* Which of 16 bytes make a text need quotes. */
static inline Sixteen special(const uint8_t *text) {
    Sixteen bytes = *(const Sixteen *)text;
    return (Sixteen)((bytes == ',') | (bytes == '"') | (bytes == '\n') | (bytes == '\r'));
}

/* Whether every text of a column can stand in a cell as it is: none holds a comma, a quote or a line
 * end, and none is empty, but for nulls, whose bits in `validity` are 0; there may be none. */
int64_t headrace_csv_plain(const void *offsets, int32_t wide, const uint8_t *data, int64_t rows,
                           const uint8_t *validity, int64_t validity_offset) {
    int64_t start = start_of(offsets, wide, 0), end = start_of(offsets, wide, rows);
    if (has_empty(offsets, wide, rows, validity, validity_offset)) {
        return 0;
    }
    Sixteen found = {0};
    for (; end - start >= 64; start += 64) {
        for (int i = 0; i < 64; i += 16) {
            found |= special(data + start + i);
        }
    }
    for (; end - start >= 16; start += 16) {
        found |= special(data + start);
    }
    uint8_t any = 0;
    for (; start < end; start++) {
        uint8_t byte = data[start];
        any |= byte == ',' || byte == '"' || byte == '\n' || byte == '\r';
    }
    for (int i = 0; i < 16; i++) {
        any |= found[i];
    }
    return !any;
}

/* The size of what `headrace_csv_lines` writes; -1 if a code is beyond its column's texts. Without
 * codes a column has as many texts as there are rows. */
int64_t headrace_csv_size(const int32_t *const *codes, const void *const *offsets,
                          const uint8_t *wide, const int64_t *counts, int64_t columns,
                          int64_t rows) {
    int64_t size = columns * rows;
    for (int64_t column = 0; column < columns; column++) {
        const void *starts = offsets[column];
        int is_wide = wide[column];
        if (!codes[column]) {
            size += start_of(starts, is_wide, rows) - start_of(starts, is_wide, 0);
            continue;
        }
        for (int64_t row = 0; row < rows; row++) {
            int64_t text = codes[column][row];
            if (text < -1 || text >= counts[column]) {
                return -1;
            }
            size += text < 0 ? 0
                             : start_of(starts, is_wide, text + 1) - start_of(starts, is_wide, text);
        }
    }
    return size;
}

/* How many rows have texts of their own, by 32 bits, in all columns, and 16 bytes from the start of
 * each on that may be read. */
static int64_t plain_rows(const int32_t *const *codes, const void *const *offsets,
                          const uint8_t *wide, const int64_t *sizes, int64_t columns, int64_t rows) {
    for (int64_t column = 0; column < columns; column++) {
        if (codes[column] || wide[column]) {
            return 0;
        }
        const int32_t *starts = offsets[column];
        while (rows && sizes[column] - starts[rows - 1] < 16) {
            rows--;
        }
    }
    return rows;
}

/* Write the texts of each row, a comma between them and a line end behind the last. `codes` says
 * which of a column's texts stands in each row, -1 for none; without codes each row has its own.
 * `sizes` are the bytes of each column's texts, `room` those of `lines`. Returns the bytes written,
 * which `headrace_csv_size` tells before; `room` has to be as many, and is better 32 more. */
int64_t headrace_csv_lines(const int32_t *const *codes, const void *const *offsets,
                           const uint8_t *wide, const uint8_t *const *data, const int64_t *sizes,
                           int64_t columns, int64_t rows, uint8_t *restrict lines, int64_t room) {
    int64_t at = 0, row = 0, plain = plain_rows(codes, offsets, wide, sizes, columns, rows);
    if (room - headrace_csv_size(codes, offsets, wide, 0, plain ? columns : 0, rows) < 16) {
        plain = 0;
    }
    for (; row < plain; row++) {
        for (int64_t column = 0; column < columns; column++) {
            const int32_t *starts = (const int32_t *)offsets[column] + row;
            int64_t size = starts[1] - starts[0];
            const uint8_t *text = data[column] + starts[0];
            if (size <= 16) {
                copy_16(lines + at, text);
            } else {
                memcpy(lines + at, text, (uint64_t)size);
            }
            at += size;
            lines[at++] = ',';
        }
        lines[at - 1] = '\n';
    }
    for (; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            int64_t text = codes[column] ? codes[column][row] : row;
            if (text >= 0) {
                int64_t start = start_of(offsets[column], wide[column], text);
                int64_t size = start_of(offsets[column], wide[column], text + 1) - start;
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
