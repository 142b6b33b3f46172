/* Delimited text without quotes and escapes: where its cells are, and columns of them. */
#include "text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define STEP 64

/* ODD: the text is not for this kernel: it has a quote, an escape, a row with another number of
 * cells. NO_ROOM: there are more rows than marks have room for. */
enum { ODD = -1, NO_ROOM = -2 };

typedef struct {
    uint8_t delimiter, quote, escape;
} Dialect;

typedef struct {
    uint64_t marks; /* bit i: byte i is a delimiter or ends a line */
    int is_odd;     /* there is a quote or an escape */
    int is_ascii;
} Found;

static inline Found found_in(const uint8_t *bytes, Dialect dialect) {
    Found found = {0, 0, 1};
#if defined(__SSE2__)
    __m128i odd = _mm_setzero_si128(), all = _mm_setzero_si128();
    const __m128i delimiter = _mm_set1_epi8((char)dialect.delimiter);
    const __m128i quote = _mm_set1_epi8((char)dialect.quote);
    const __m128i escape = _mm_set1_epi8((char)dialect.escape);
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    for (int i = 0; i < STEP / 16; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
        __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(part, lf), _mm_cmpeq_epi8(part, cr));
        mark = _mm_or_si128(mark, _mm_cmpeq_epi8(part, delimiter));
        odd = _mm_or_si128(odd, _mm_or_si128(_mm_cmpeq_epi8(part, quote),
                                             _mm_cmpeq_epi8(part, escape)));
        all = _mm_or_si128(all, part);
        found.marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(mark) << 16 * i;
    }
    found.is_odd = _mm_movemask_epi8(odd) != 0;
    found.is_ascii = _mm_movemask_epi8(all) == 0;
#else
    uint8_t all = 0, odd = 0;
    for (int i = 0; i < STEP; i++) {
        uint8_t byte = bytes[i];
        uint64_t mark = byte == dialect.delimiter || byte == '\n' || byte == '\r';
        found.marks |= mark << i;
        odd |= byte == dialect.quote || byte == dialect.escape;
        all |= byte;
    }
    found.is_odd = odd;
    found.is_ascii = all < 0x80;
#endif
    return found;
}

/* Find all cells. Row r has columns + 1 numbers in `marks`: where it begins, then where each of its
 * cells ends. A line of nothing is no row. Returns the number of rows, or ODD, or NO_ROOM. */
int64_t headrace_csv_scan(const uint8_t *data, int64_t size, uint8_t delimiter, uint8_t quote,
                          uint8_t escape, int64_t columns, uint32_t *marks, int64_t room,
                          int64_t *column_bytes, int32_t *is_ascii) {
    const Dialect dialect = {delimiter, quote, escape};
    int64_t rows = 0, column = 0, start = 0;
    uint32_t *row = marks;
    *is_ascii = 1;
    for (int64_t at = 0; at < size; at += STEP) {
        uint8_t last[STEP];
        const uint8_t *bytes = data + at;
        if (size - at < STEP) {
            memset(last, 0, sizeof last);
            memcpy(last, bytes, (uint64_t)(size - at));
            bytes = last;
        }
        Found found = found_in(bytes, dialect);
        if (size - at < STEP) {
            found.marks &= ((uint64_t)1 << (size - at)) - 1;
        }
        if (found.is_odd) {
            return ODD;
        }
        *is_ascii &= found.is_ascii;
        for (; found.marks; found.marks &= found.marks - 1) {
            int64_t mark = at + __builtin_ctzll(found.marks);
            if (data[mark] == delimiter) {
                if (column + 1 >= columns) {
                    return ODD;
                }
                if (row + columns + 1 - marks > room) {
                    return NO_ROOM;
                }
                row[++column] = (uint32_t)mark;
                continue;
            }
            if (mark == start) { /* nothing stands between two line ends */
                start++;
                continue;
            }
            if (column + 1 != columns) {
                return ODD;
            }
            if (row + columns + 1 - marks > room) {
                return NO_ROOM;
            }
            row[0] = (uint32_t)start;
            row[columns] = (uint32_t)mark;
            row += columns + 1;
            rows++;
            column = 0;
            start = mark + 1;
        }
    }
    if (start < size) { /* the last line has no end */
        if (column + 1 != columns) {
            return ODD;
        }
        if (row + columns + 1 - marks > room) {
            return NO_ROOM;
        }
        row[0] = (uint32_t)start;
        row[columns] = (uint32_t)size;
        rows++;
    }
    for (int64_t each = 0; each < rows; each++) {
        const uint32_t *ends = marks + each * (columns + 1);
        column_bytes[0] += ends[1] - ends[0];
        for (int64_t i = 1; i < columns; i++) {
            column_bytes[i] += ends[i + 1] - ends[i] - 1;
        }
    }
    return rows;
}

typedef struct {
    const uint8_t *data;
    int64_t size;
    const uint32_t *marks;
    int64_t columns, column;
    int32_t *offsets;
    uint8_t *cells;
    int64_t cells_size;
} Copying;

/* Copy the cells of eight rows or fewer behind those of the rows before; return their validity. */
static inline __attribute__((always_inline)) uint8_t copied(Copying to, int64_t first, int count,
                                                            int64_t *filled, int64_t *nulls) {
    uint8_t valid = 0;
    const uint32_t *ends = to.marks + first * (to.columns + 1) + to.column;
    for (int i = 0; i < count; i++, ends += to.columns + 1) {
        int64_t start = ends[0] + (to.column ? 1 : 0), length = ends[1] - start;
        int64_t room = to.size - start, left = to.cells_size - *filled;
        copy_text(to.cells + *filled, to.data + start, length, room < left ? room : left);
        *filled += length;
        to.offsets[first + i + 1] = (int32_t)*filled;
        valid |= (uint8_t)((length > 0) << i);
        *nulls += !length;
    }
    return valid;
}

#define TILE 64 /* rows whose text and marks stay in a core's cache; a multiple of eight */

/* Copy the cells of some columns into Arrow's strings; an empty cell is a null. `sizes` are those
 * of the buffers in `cells`; cells are copied 16 or 32 bytes at a time where there is room. */
void headrace_csv_columns(const uint8_t *data, int64_t size, const uint32_t *marks, int64_t columns,
                          int64_t rows, const int64_t *wanted, int64_t wanted_count,
                          int32_t *const *offsets, uint8_t *const *cells, const int64_t *sizes,
                          uint8_t *const *validity, int64_t *nulls) {
    for (int64_t first = 0; first < rows; first += TILE) {
        int64_t end = rows - first < TILE ? rows : first + TILE;
        for (int64_t i = 0; i < wanted_count; i++) {
            Copying to = {data, size, marks, columns, wanted[i], offsets[i], cells[i], sizes[i]};
            if (!first) {
                offsets[i][0] = 0;
            }
            int64_t filled = offsets[i][first], without = 0, row = first;
            for (; end - row >= 8; row += 8) {
                validity[i][row >> 3] = copied(to, row, 8, &filled, &without);
            }
            if (row < end) {
                validity[i][row >> 3] = copied(to, row, (int)(end - row), &filled, &without);
            }
            nulls[i] += without;
        }
    }
}
