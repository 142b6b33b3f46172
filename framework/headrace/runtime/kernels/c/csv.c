/* Delimited text without quotes and escapes, read into columns of cells.
 *
 * A tile of the text is looked through for the ends of its cells, then the cells are copied, column
 * by column, while text and ends are still in the fastest cache.
 */
#include "processor.h"
#include "text.h"

#define STEP 64
#define STEPS 128            /* of a tile */
#define ENDS_AT_ONCE 16      /* written without looking how many there are */
#define GROUP 8              /* rows whose validity is one byte */
#define AT_ONCE 32           /* bytes of a cell copied without a loop */
#define BEHIND (9 * AT_ONCE) /* bytes behind a column's cells that may be overwritten */

/* ODD: the text is not for this kernel: it has a quote, an escape, a row with another number of
 * cells. NO_ROOM: there are more rows or bytes than there is room for. */
enum { ODD = -1, NO_ROOM = -2 };

typedef struct {
    uint8_t delimiter, quote, escape;
} Dialect;

/* A byte that is no letter of a dialect. */
static uint8_t without_meaning(Dialect dialect) {
    uint8_t byte = 0;
    while (byte == dialect.delimiter || byte == dialect.quote || byte == dialect.escape) {
        byte++;
    }
    return byte;
}

/* What is found in a tile. Bit i of a mask is byte i of its step. */
typedef struct {
    uint64_t delimiters[STEPS], ends[STEPS]; /* the second has each LF and each CR */
    int is_odd, is_ascii;                    /* a quote or an escape; no byte above 127 */
} Found;

#define FINDER(name, target, Bytes, mask_of)                                                       \
    target static void name(const uint8_t *bytes, int steps, Dialect dialect, Found *found) {      \
        Bytes all = {0}, odd = {0};                                                                \
        for (int i = 0; i < steps; i++) {                                                          \
            uint64_t delimiters = 0, ends = 0;                                                     \
            __builtin_prefetch(bytes + STEP * (i + STEPS)); /* of the next tile */                 \
            for (unsigned at = 0; at < STEP; at += sizeof(Bytes)) {                                \
                Bytes part = *(const Bytes *)(bytes + STEP * i + at);                              \
                delimiters |= mask_of((Bytes)(part == dialect.delimiter)) << at;                   \
                ends |= mask_of((Bytes)((part == '\n') | (part == '\r'))) << at;                   \
                odd |= (Bytes)((part == dialect.quote) | (part == dialect.escape));                \
                all |= part;                                                                       \
            }                                                                                      \
            found->delimiters[i] = delimiters;                                                     \
            found->ends[i] = ends;                                                                 \
        }                                                                                          \
        found->is_odd = mask_of(odd) != 0;                                                         \
        found->is_ascii = mask_of((Bytes)(all > 127)) == 0;                                        \
    }

#if HAS_LEVELS
#include <immintrin.h>

typedef uint8_t ThirtyTwo __attribute__((vector_size(32), aligned(1), may_alias));

INLINE uint64_t mask_of_16(Sixteen bytes) {
    return (uint64_t)(uint32_t)_mm_movemask_epi8((__m128i)bytes);
}

#define mask_of_32(bytes) (uint64_t)(uint32_t)_mm256_movemask_epi8((__m256i)(bytes))

typedef uint8_t SixtyFour __attribute__((vector_size(64), aligned(1), may_alias));

#define mask_of_64(bytes) (uint64_t)_mm512_movepi8_mask((__m512i)(bytes))

FINDER(find_avx2, AVX2_TOO, ThirtyTwo, mask_of_32)
FINDER(find_packing, PACKING_TOO, SixtyFour, mask_of_64)
#else
INLINE uint64_t mask_of_16(Sixteen bytes) {
    const Sixteen bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t halves[2];
    bytes &= bits;
    memcpy(halves, &bytes, sizeof halves); /* a product's highest byte is the sum of all of them */
    return (halves[0] * 0x0101010101010101u >> 56) | (halves[1] * 0x0101010101010101u >> 56) << 8;
}
#endif

FINDER(find, , Sixteen, mask_of_16)

/* How many bits are set. */
INLINE int64_t ones(uint64_t mask, int32_t level) {
    if (HAS_LEVELS && level == BASELINE) { /* which has no instruction for it */
        mask -= mask >> 1 & 0x5555555555555555u;
        mask = (mask & 0x3333333333333333u) + (mask >> 2 & 0x3333333333333333u);
        return (int64_t)(((mask + (mask >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * 0x0101010101010101u >> 56);
    }
    return __builtin_popcountll(mask);
}

/* The place of the lowest bit that is set; any number if there is none. */
INLINE uint32_t lowest(uint64_t mask, int32_t level) {
#if HAS_LEVELS
    if (level >= AVX2) {
        uint64_t place;
        __asm__("tzcnt %1, %0" : "=r"(place) : "r"(mask) : "cc");
        return (uint32_t)place;
    }
#endif
    (void)level;
    return (uint32_t)__builtin_ctzll(mask | 1ull << 63);
}

/* Cells that are found, but not copied yet. */
typedef struct {
    uint32_t *ends; /* where they end; ends[-1] is the place in front of the first */
    int64_t count;
    int64_t lines;        /* that ended up to here */
    uint64_t is_line_end; /* 1 if the byte before ended a line */
} Cells;

/* Add the cells of a tile. Of several line ends in succession the first counts. */
INLINE void add_cells(Cells *cells, const Found *found, int64_t at, int64_t steps, int32_t level) {
    uint32_t *to = cells->ends + cells->count;
    uint64_t is_line_end = cells->is_line_end;
    for (int64_t i = 0; i < steps; i++, at += STEP) {
        uint64_t ends = found->ends[i], first = ends & ~(ends << 1 | is_line_end);
        uint64_t mask = found->delimiters[i] | first;
        uint32_t *next = to + ones(mask, level);
        cells->lines += ones(first, level);
        is_line_end = ends >> 63;
        for (; to < next; to += ENDS_AT_ONCE) {
            for (int j = 0; j < ENDS_AT_ONCE; j++) { /* without a branch for each */
                to[j] = (uint32_t)at + lowest(mask, level);
                mask &= mask - 1;
            }
        }
        to = next;
    }
    cells->count = to - cells->ends;
    cells->is_line_end = is_line_end;
}

/* Looks through a tile, whose first byte is that at `at` of the text. */
typedef void Tile(const uint8_t *bytes, int64_t at, int64_t steps, Dialect dialect, Cells *cells,
                  Found *found);

static void tile(const uint8_t *bytes, int64_t at, int64_t steps, Dialect dialect, Cells *cells,
                 Found *found) {
    find(bytes, steps, dialect, found);
    add_cells(cells, found, at, steps, BASELINE);
}

#if HAS_LEVELS
AVX2_TOO static void tile_avx2(const uint8_t *bytes, int64_t at, int64_t steps, Dialect dialect,
                               Cells *cells, Found *found) {
    find_avx2(bytes, steps, dialect, found);
    add_cells(cells, found, at, steps, AVX2);
}

/* The places of a step's cells are packed side by side at once. */
PACKING_TOO static void tile_packing(const uint8_t *bytes, int64_t at, int64_t steps,
                                     Dialect dialect, Cells *cells, Found *found) {
    uint8_t numbers[STEP];
    for (int i = 0; i < STEP; i++) {
        numbers[i] = (uint8_t)i;
    }
    const __m512i places = _mm512_loadu_si512(numbers);
    uint32_t *to = cells->ends + cells->count;
    find_packing(bytes, steps, dialect, found);
    for (int64_t i = 0; i < steps; i++, at += STEP) {
        uint64_t ends = found->ends[i], first = ends & ~(ends << 1 | cells->is_line_end);
        uint64_t mask = found->delimiters[i] | first;
        int64_t count = __builtin_popcountll(mask);
        __m512i packed = _mm512_maskz_compress_epi8(mask, places);
        for (int64_t done = 0; done < count; done += ENDS_AT_ONCE) {
            __m512i some = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed));
            some = _mm512_add_epi32(some, _mm512_set1_epi32((int32_t)at));
            _mm512_storeu_si512(to + done, some);
            packed = _mm512_alignr_epi32(packed, packed, ENDS_AT_ONCE / 4);
        }
        to += count;
        cells->lines += __builtin_popcountll(first);
        cells->is_line_end = ends >> 63;
    }
    cells->count = to - cells->ends;
}
#else
#define tile_avx2 tile
#define tile_packing tile
#endif

/* The columns that are made. */
typedef struct {
    const uint8_t *data;
    int64_t size, columns;
    const int64_t *wanted;
    int64_t wanted_count;
    int32_t *const *offsets; /* without them only sizes are worked out */
    uint8_t *const *cells, *const *validity;
    const int64_t *sizes; /* of `cells` */
    int64_t *filled, *nulls;
    int64_t room, rows; /* for how many rows; how many are there */
} Columns;

INLINE int ends_line(uint8_t byte) { return byte == '\n' || byte == '\r'; }

/* Where a cell begins; the first of a row may stand behind several line ends. */
INLINE int64_t start_of(const Columns *to, const uint32_t *end, int is_first) {
    int64_t start = (uint32_t)(end[-1] + 1);
    while (is_first && start < *end && ends_line(to->data[start])) {
        start++;
    }
    return start;
}

/* Copy a cell of more than 16 bytes, the first of which are copied. Returns NO_ROOM if it is long and
 * does not fit. */
static int copy_rest(uint8_t *cell, const uint8_t *from, int64_t size, int64_t room) {
    if (size <= AT_ONCE) {
        copy_16(cell + 16, from + 16);
        return 0;
    }
    if (size > room) {
        return NO_ROOM;
    }
    memcpy(cell, from, (uint64_t)size);
    return 0;
}

/* Copy a column's cells of a group of rows. Returns NO_ROOM if they do not fit. */
INLINE int copy_group(const Columns *to, int64_t i, int64_t row, const uint32_t *end, int count,
                      int is_first, int is_last) {
    int32_t *offsets = to->offsets[i] + row;
    int64_t filled = to->filled[i], room = to->sizes[i] - BEHIND, any_empty = 0;
    uint8_t *cells = to->cells[i];
    if (filled > room) {
        return NO_ROOM;
    }
    for (int each = 0; each < count; each++, end += to->columns) {
        int64_t start = start_of(to, end, is_first), size = *end - start;
        const uint8_t *from = to->data + start;
        if (is_last) {
            if (filled + size > room) {
                return NO_ROOM;
            }
            memcpy(cells + filled, from, (uint64_t)size);
        } else {
            copy_16(cells + filled, from);
            if (size > 16 && copy_rest(cells + filled, from, size, room - filled) < 0) {
                return NO_ROOM;
            }
        }
        filled += size;
        offsets[each + 1] = (int32_t)filled;
        any_empty |= size - 1;
    }
    int valid = (1 << count) - 1;
    for (int each = 0; any_empty < 0 && each < count; each++) {
        int is_empty = offsets[each + 1] == (each ? offsets[each] : (int32_t)to->filled[i]);
        valid &= ~(is_empty << each);
        to->nulls[i] += is_empty;
    }
    to->validity[i][row / GROUP] = (uint8_t)valid;
    to->filled[i] = filled;
    return 0;
}

/* Copy a column's cells of some rows. Returns 0, or NO_ROOM. */
INLINE int copy_column(const Columns *to, int64_t i, int64_t rows, const uint32_t *end, int is_first,
                       int is_last) {
    int64_t before = to->filled[i];
    for (int64_t row = 0; row < rows; row += GROUP, end += GROUP * to->columns) {
        int64_t at = to->rows + row;
        int count = rows - row < GROUP ? (int)(rows - row) : GROUP;
        int done = count == GROUP ? copy_group(to, i, at, end, GROUP, is_first, is_last)
                                  : copy_group(to, i, at, end, count, is_first, is_last);
        if (done < 0) {
            return done;
        }
    }
    /* what will be written next */
    for (int64_t at = to->filled[i]; before < to->filled[i] + 64; before += 64, at += 64) {
        __builtin_prefetch(to->cells[i] + at, 1);
    }
    for (int64_t row = 0; row < rows + 16; row += 16) {
        __builtin_prefetch(to->offsets[i] + to->rows + rows + row, 1);
    }
    return 0;
}

static void measure_column(const Columns *to, int64_t i, int64_t rows, const uint32_t *end) {
    for (int64_t row = 0; row < rows; row++, end += to->columns) {
        to->filled[i] += *end - start_of(to, end, !to->wanted[i]);
    }
}

/* Add rows. Returns 0, or NO_ROOM. */
static int add_rows(Columns *to, int64_t rows, const uint32_t *ends) {
    if (to->offsets && to->rows + rows > to->room) {
        return NO_ROOM;
    }
    int is_last = rows && ends[rows * to->columns - 1] + AT_ONCE > to->size, is_full = 0;
    for (int64_t i = 0; i < to->wanted_count && !is_full; i++) {
        const uint32_t *end = ends + to->wanted[i];
        if (!to->offsets) {
            measure_column(to, i, rows, end);
        } else if (is_last) { /* bytes behind a cell may be behind the text */
            is_full = copy_column(to, i, rows, end, !to->wanted[i], 1);
        } else if (!to->wanted[i]) {
            is_full = copy_column(to, i, rows, end, 1, 0);
        } else {
            is_full = copy_column(to, i, rows, end, 0, 0);
        }
    }
    to->rows += rows;
    return is_full;
}

/* Add the rows that are whole, or whole groups of them. Returns 0, ODD or NO_ROOM. */
static int take_rows(Columns *to, Cells *cells, int is_last) {
    int64_t rows = cells->count / to->columns, left = cells->count - rows * to->columns;
    if (cells->lines != to->rows + rows || (is_last && left)) {
        return ODD;
    }
    for (int64_t row = 1; row <= rows; row++) {
        int64_t end = cells->ends[row * to->columns - 1];
        if (end < to->size && !ends_line(to->data[end])) {
            return ODD;
        }
    }
    rows = is_last ? rows : rows / GROUP * GROUP;
    if (add_rows(to, rows, cells->ends) < 0) {
        return NO_ROOM;
    }
    cells->count -= rows * to->columns;
    for (int64_t i = -1; rows && i < cells->count; i++) {
        cells->ends[i] = cells->ends[rows * to->columns + i];
    }
    return 0;
}

/* Read text into the columns that are wanted, in Arrow's layout; an empty cell is a null, a line of
 * nothing no row. `sizes` are those of the buffers in `cells`, BEHIND bytes more than the cells
 * take; there is room for `room` rows. Without `offsets` nothing is copied, and the bytes of the
 * cells are added to `sizes`. `ends` has room for GROUP + 1 rows, a tile of nothing but cells, and
 * twice ENDS_AT_ONCE. Returns the number of rows, or ODD, or NO_ROOM. */
int64_t headrace_csv_read(const uint8_t *data, int64_t size, uint8_t delimiter, uint8_t quote,
                          uint8_t escape, int64_t columns, const int64_t *wanted,
                          int64_t wanted_count, int32_t *const *offsets, uint8_t *const *cells,
                          uint8_t *const *validity, const int64_t *sizes, int64_t *filled,
                          int64_t *nulls, int64_t room, uint32_t *ends, int32_t *is_ascii) {
    const Dialect dialect = {delimiter, quote, escape};
    Columns to = {data,     size,  columns, wanted, wanted_count, offsets, cells,
                  validity, sizes, filled,  nulls,  room,         0};
    Cells found = {ends + 1, 0, 0, 1};
    Tile *look = processor_packs() ? tile_packing : processor_level() >= AVX2 ? tile_avx2 : tile;
    ends[0] = UINT32_MAX;
    *is_ascii = 1;
    for (int64_t i = 0; offsets && i < wanted_count; i++) {
        offsets[i][0] = 0;
    }
    for (int64_t at = 0, steps; at < size; at += STEP * steps) {
        uint8_t last[STEP];
        const uint8_t *bytes = data + at;
        int64_t left = size - at;
        Found masks;
        steps = left / STEP < STEPS ? left / STEP : STEPS;
        if (!steps) {
            steps = 1;
            memset(last, without_meaning(dialect), sizeof last);
            memcpy(last, bytes, (uint64_t)left);
            bytes = last;
        }
        look(bytes, at, steps, dialect, &found, &masks);
        *is_ascii &= masks.is_ascii;
        int is_last = STEP * steps >= left;
        if (is_last && !ends_line(data[size - 1])) {
            found.ends[found.count++] = (uint32_t)size;
            found.lines++;
        }
        int done = masks.is_odd ? ODD : take_rows(&to, &found, is_last);
        if (done < 0) {
            return done;
        }
    }
    return to.rows;
}
