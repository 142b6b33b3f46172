/* The distinct values of a column of text, in the order in which they first occur. */
#include "processor.h"
#include "text.h"

#define FEW 1024 /* slots to begin with */

/* A mark tells a value from others. A text of up to eight bytes is its own mark; its last byte tells
 * the size if that is less. A longer one has a hash for its mark and is compared as well. So is one
 * of eight bytes that could be taken for another mark, which UTF-8 has none of. */
#define SMALLEST_OTHER 0xF0u    /* last byte of a mark that is no text of eight bytes */
#define SMALLEST_COMPARED 0xF8u /* last byte of a mark whose text is compared */
#define LAST_BYTE(byte) ((uint64_t)(byte) << 56)

static const uint64_t mark_of_size[] = {
    LAST_BYTE(0xF0), LAST_BYTE(0xF1), LAST_BYTE(0xF2), LAST_BYTE(0xF3), LAST_BYTE(0xF4),
    LAST_BYTE(0xF5), LAST_BYTE(0xF6), LAST_BYTE(0xF7), 0};

static uint64_t mark_of_long(const uint8_t *text, int64_t size) {
    uint64_t mark = (uint64_t)size;
    for (int64_t at = 0; at < size - 8; at += 8) {
        mark = mix64(mark + word64(text + at));
    }
    return mix64(mark + word64(text + size - 8)) | LAST_BYTE(SMALLEST_COMPARED);
}

/* `room` bytes may be read. */
INLINE uint64_t mark_of(const uint8_t *text, int64_t size, int64_t room) {
    if (size < 8) {
        uint64_t word = room >= 8 ? word64(text) : first_word(text, size, room);
        return (word & bytes_of_size[size]) | mark_of_size[size];
    }
    uint64_t mark = word64(text);
    return size == 8 && mark < LAST_BYTE(SMALLEST_OTHER) ? mark : mark_of_long(text, size);
}

/* Where values are found by their marks. */
typedef struct {
    int32_t *slots; /* the codes of values, or EMPTY */
    int64_t count;  /* a power of two */
    int shift;
} Table;

#define EMPTY -1

/* The first slot in which to look: the highest bits of a product. */
INLINE int64_t slot_of(Table table, uint64_t mark) {
    return (int64_t)(mark * GAMMA >> table.shift);
}

INLINE int64_t next_slot(Table table, int64_t slot) { return (slot + 1) & (table.count - 1); }

/* Put values 0 to `values` into so many slots. */
static Table table_of(int32_t *slots, int64_t count, const uint64_t *marks, int64_t values) {
    Table table = {slots, count, 64 - __builtin_ctzll((uint64_t)count)};
    memset(slots, EMPTY, (uint64_t)count * sizeof *slots);
    for (int64_t code = 0; code < values; code++) {
        int64_t slot = slot_of(table, marks[code]);
        while (slots[slot] != EMPTY) {
            slot = next_slot(table, slot);
        }
        slots[slot] = (int32_t)code;
    }
    return table;
}

INLINE int is_same(const uint8_t *text, const uint8_t *other, int64_t size) {
    if (size <= 16) { /* and at least eight */
        return word64(text) == word64(other) && word64(text + size - 8) == word64(other + size - 8);
    }
    return !memcmp(text, other, (uint64_t)size);
}

/* The slot of a text that is compared, or an empty one. */
static int64_t find_compared(Table table, const uint64_t *marks, const int32_t *value_offsets,
                             const uint8_t *value_data, uint64_t mark, const uint8_t *text,
                             int64_t size) {
    int64_t slot = slot_of(table, mark), code;
    while ((code = table.slots[slot]) != EMPTY) {
        int64_t start = value_offsets[code];
        if (marks[code] == mark && value_offsets[code + 1] - start == size &&
            is_same(text, value_data + start, size)) {
            break;
        }
        slot = next_slot(table, slot);
    }
    return slot;
}

/* A column that is encoded. */
typedef struct {
    Table table;
    int64_t most_slots, count; /* the second is how many values are found */
    int32_t *restrict codes, *restrict value_offsets;
    uint8_t *restrict value_data;
    int64_t *restrict counts;
    uint64_t *restrict marks;
} Encoding;

/* Give a row the code of its value. */
INLINE void add_row(Encoding *to, int64_t row, uint64_t mark, const uint8_t *text, int64_t size) {
    int64_t slot, code;
    if (mark >= LAST_BYTE(SMALLEST_COMPARED)) {
        slot = find_compared(to->table, to->marks, to->value_offsets, to->value_data, mark, text,
                             size);
        code = to->table.slots[slot];
    } else {
        slot = slot_of(to->table, mark);
        while ((code = to->table.slots[slot]) >= 0 && to->marks[code] != mark) {
            slot = next_slot(to->table, slot);
        }
    }
    if (code >= 0) {
        to->codes[row] = (int32_t)code;
        to->counts[code]++;
        return;
    }
    code = to->count++;
    to->codes[row] = to->table.slots[slot] = (int32_t)code;
    to->counts[code] = 1;
    to->marks[code] = mark;
    uint8_t *value = to->value_data + to->value_offsets[code];
    if (mark < LAST_BYTE(SMALLEST_COMPARED)) {
        memcpy(value, &mark, sizeof mark);
    } else {
        memcpy(value, text, (uint64_t)size);
    }
    to->value_offsets[code + 1] = to->value_offsets[code] + (int32_t)size;
    if (2 * to->count >= to->table.count && to->table.count < to->most_slots) {
        /* where most values are new, most of the others will be */
        int64_t wider = 2 * to->count > row ? to->most_slots : 4 * to->table.count;
        to->table = table_of(to->table.slots, wider < to->most_slots ? wider : to->most_slots,
                             to->marks, to->count);
    }
}

/* The size of these texts, or -1 if they have several. */
INLINE int64_t common_size(const int32_t *offsets, int64_t count) {
    int32_t size = offsets[1] - offsets[0], others = 0;
    for (int64_t i = 1; i < count; i++) {
        others |= (offsets[i + 1] - offsets[i]) ^ size;
    }
    return others ? -1 : size;
}

#define SOME 64 /* rows that are looked at together */

INLINE int64_t encode(const int32_t *restrict offsets, const uint8_t *restrict data,
                      const uint8_t *restrict validity, int64_t validity_offset, int64_t rows,
                      uint8_t *restrict missing, Encoding to) {
    int64_t end = rows ? offsets[rows] : 0;
    for (int64_t first = 0; first < rows; first += SOME) {
        int64_t count = rows - first < SOME ? rows - first : SOME, start = offsets[first];
        int64_t common = validity ? -1 : common_size(offsets + first, count);
        if (common >= 0 && common <= 8 && end - offsets[first + count] >= 8) {
            const uint64_t kept = bytes_of_size[common], added = mark_of_size[common];
            for (int64_t row = first; row < first + count; row++, start += common) {
                uint64_t mark = (word64(data + start) & kept) | added;
                if (common == 8 && mark >= LAST_BYTE(SMALLEST_OTHER)) {
                    mark = mark_of_long(data + start, 8);
                }
                add_row(&to, row, mark, data + start, common);
            }
            continue;
        }
        for (int64_t row = first; row < first + count; row++) {
            if (validity) {
                int64_t bit = validity_offset + row;
                missing[row] = !(validity[bit >> 3] >> (bit & 7) & 1);
                if (missing[row]) {
                    to.codes[row] = 0;
                    continue;
                }
            }
            const uint8_t *text = data + offsets[row];
            int64_t size = offsets[row + 1] - offsets[row];
            add_row(&to, row, mark_of(text, size, end - offsets[row]), text, size);
        }
    }
    return to.count;
}

#define ENCODE(name, target)                                                                       \
    target static int64_t name(const int32_t *offsets, const uint8_t *data,                        \
                               const uint8_t *validity, int64_t validity_offset, int64_t rows,     \
                               uint8_t *missing, Encoding to) {                                    \
        return validity ? encode(offsets, data, validity, validity_offset, rows, missing, to)      \
                        : encode(offsets, data, 0, 0, rows, 0, to);                                \
    }

ENCODE(encode_baseline, )
#if HAS_LEVELS
ENCODE(encode_avx2, AVX2_TOO) /* whose shifts take any register */
#else
#define encode_avx2 encode_baseline
#endif

/* `codes`, `counts` (rows of each value) and `marks` hold one number for each row, `value_offsets`
 * one more, `value_data` eight bytes more than the column; `slot_count` is a power of two, at least
 * twice the rows, and two. Returns the number of values. */
int64_t headrace_encode(const int32_t *offsets, const uint8_t *data, const uint8_t *validity,
                        int64_t validity_offset, int64_t rows, int32_t *codes, uint8_t *missing,
                        int32_t *value_offsets, uint8_t *value_data, int64_t *counts,
                        uint64_t *marks, int32_t *slots, int64_t slot_count) {
    Encoding to = {table_of(slots, slot_count < FEW ? slot_count : FEW, marks, 0),
                   slot_count, 0, codes, value_offsets, value_data, counts, marks};
    value_offsets[0] = 0;
    return (processor_level() >= AVX2 ? encode_avx2 : encode_baseline)(
        offsets, data, validity, validity_offset, rows, missing, to);
}

/* Lay texts out in cells of one width, none of them longer, with zeros behind. */
void headrace_padded(const int32_t *offsets, const uint8_t *data, int64_t rows, int64_t width,
                     uint8_t *padded) {
    int64_t end = offsets[rows], room = rows * width;
    for (int64_t row = 0; row < rows; row++) {
        const uint8_t *text = data + offsets[row];
        int64_t size = offsets[row + 1] - offsets[row], at = row * width;
        if (size == width && size <= 32 && size >= 16) { /* ids are most often alike */
            copy_16(padded + at, text);
            copy_16(padded + at + size - 16, text + size - 16);
            continue;
        }
        if (size <= 16 && end - offsets[row] >= 16 && room - at >= 16 && width <= 16) {
            copy_16(padded + at, text);
        } else if (size) {
            memcpy(padded + at, text, (uint64_t)size);
        }
        if (size < width) {
            memset(padded + at + size, 0, (uint64_t)(width - size));
        }
    }
}

/* Add the count of each value to one counter in each row of a count-min sketch of that width, a
 * power of two up to 2**16; 16 of a fingerprint's bits choose the counter. */
void headrace_sketch(const uint64_t *prints, const int64_t *counts, int64_t values, int64_t width,
                     int64_t *sketch) {
    for (int64_t i = 0; i < values; i++) {
        for (int row = 0; row < 4; row++) {
            uint64_t chosen = prints[i] >> 16 * row & 0xFFFF & ((uint64_t)width - 1);
            sketch[row * width + (int64_t)chosen] += counts[i];
        }
    }
}

#define APART 4 /* tables of counters: neighbouring rows often have the same value */
#define MOST_APART 512
#define ROWS_AT_ONCE 1024

/* Count the rows of each value; -1 if a code is beyond. */
static int64_t count_values(const int32_t *codes, int64_t rows, int64_t values, int64_t *counts) {
    uint32_t tables[APART][MOST_APART];
    int is_apart = values <= MOST_APART && rows >= 2 * values;
    memset(tables, 0, is_apart ? sizeof tables : 0);
    for (int64_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        int64_t count = rows - first < ROWS_AT_ONCE ? rows - first : ROWS_AT_ONCE, i = 0;
        if (!are_within(codes + first, count, values - 1)) {
            return -1;
        }
        for (; is_apart && i + APART <= count; i += APART) {
            for (int table = 0; table < APART; table++) {
                tables[table][codes[first + i + table]]++;
            }
        }
        for (; i < count; i++) {
            counts[codes[first + i]]++;
        }
    }
    for (int64_t value = 0; is_apart && value < values; value++) {
        counts[value] += (int64_t)tables[0][value] + tables[1][value] + tables[2][value] +
                         tables[3][value];
    }
    return 0;
}

/* Add to `counts` the rows of each value in each group, shape (values + 1, groups): those without
 * a value stand last. Without groups there is one. Returns -1 if a code or a group is beyond. */
int64_t headrace_count(const int32_t *codes, const uint8_t *missing, const int32_t *groups,
                       int64_t group_count, int64_t rows, int64_t values, int64_t *counts) {
    if (!missing && !groups) {
        return count_values(codes, rows, values, counts);
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t value = missing && missing[row] ? values : codes[row];
        int64_t group = groups ? groups[row] : 0;
        if (value < 0 || value > values || group < 0 || group >= group_count) {
            return -1;
        }
        counts[value * group_count + group]++;
    }
    return 0;
}
