/* The distinct values of a column of text, in the order in which they first occur. */
#include "text.h"

typedef struct {
    const uint8_t *data;
    int64_t size, room;
    uint64_t word; /* the first eight bytes */
    uint32_t tag;
} Cell;

static inline Cell cell_at(const int32_t *offsets, const uint8_t *data, int64_t row, int64_t end) {
    const uint8_t *text = data + offsets[row];
    Cell cell = {text, offsets[row + 1] - offsets[row], end - offsets[row], 0, 0};
    cell.word = first_word(text, cell.size, cell.room);
    uint64_t hash = (cell.word ^ (uint64_t)cell.size << 56) * GAMMA;
    for (int64_t at = 8; at < cell.size; at += 8) {
        hash = mix64(hash + first_word(text + at, cell.size - at, cell.room - at));
    }
    hash = (hash ^ hash >> 32) * 0xBF58476D1CE4E5B9u;
    cell.tag = (uint32_t)(hash >> 32);
    return cell;
}

/* A value: what tells it from others is side by side in memory. */
typedef struct {
    uint64_t word;
    uint32_t size, tag;
} Value;

static inline int is_value(Cell cell, const Value *value, const uint8_t *text) {
    if (value->word != cell.word || value->size != (uint64_t)cell.size) {
        return 0;
    }
    return cell.size <= 8 || !memcmp(text + 8, cell.data + 8, (uint64_t)cell.size - 8);
}

/* Put values 0 to `count` into `slots` again, of which `mask` + 1 count now. */
static void place_all(int64_t count, const Value *values, uint32_t *slots, uint32_t mask) {
    memset(slots, 0, ((uint64_t)mask + 1) * sizeof *slots);
    for (int64_t code = 0; code < count; code++) {
        uint32_t slot = values[code].tag & mask;
        while (slots[slot]) {
            slot = (slot + 1) & mask;
        }
        slots[slot] = (uint32_t)code + 1;
    }
}

/* `codes` and `counts` (rows of each value) hold one number for each row, `words` two,
 * `value_offsets` one more, `value_data` as many bytes as the column; `slot_count` is a power of
 * two, at least twice the rows. Returns the number of values. */
int64_t headrace_encode(const int32_t *offsets, const uint8_t *data, const uint8_t *validity,
                        int64_t validity_offset, int64_t rows, int32_t *codes, uint8_t *missing,
                        int32_t *value_offsets, uint8_t *value_data, int64_t *counts,
                        uint64_t *words, uint32_t *slots, int64_t slot_count) {
    Value *values = (Value *)words;
    int64_t count = 0, end = rows ? offsets[rows] : 0;
    uint32_t mask = slot_count < 1024 ? (uint32_t)slot_count - 1 : 1023;
    place_all(0, values, slots, mask);
    value_offsets[0] = 0;
    for (int64_t row = 0; row < rows; row++) {
        if (validity) {
            int64_t bit = validity_offset + row;
            missing[row] = !(validity[bit >> 3] >> (bit & 7) & 1);
            if (missing[row]) {
                codes[row] = 0;
                continue;
            }
        }
        Cell cell = cell_at(offsets, data, row, end);
        uint32_t slot = cell.tag & mask, found;
        while ((found = slots[slot]) &&
               !is_value(cell, values + found - 1, value_data + value_offsets[found - 1])) {
            slot = (slot + 1) & mask;
        }
        if (found) {
            codes[row] = (int32_t)found - 1;
            counts[found - 1]++;
            continue;
        }
        codes[row] = (int32_t)count;
        counts[count] = 1;
        values[count] = (Value){cell.word, (uint32_t)cell.size, cell.tag};
        if (cell.size) {
            memcpy(value_data + value_offsets[count], cell.data, (uint64_t)cell.size);
        }
        value_offsets[count + 1] = value_offsets[count] + (int32_t)cell.size;
        slots[slot] = (uint32_t)++count;
        if (2 * count > mask && (int64_t)mask + 1 < slot_count) {
            int64_t wider = 4 * ((int64_t)mask + 1);
            mask = (uint32_t)(wider < slot_count ? wider : slot_count) - 1;
            place_all(count, values, slots, mask);
        }
    }
    return count;
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

/* Add to `counts` the rows of each value in each group, shape (values + 1, groups): those without
 * a value stand last. Without groups there is one. Returns -1 if a code or a group is beyond. */
int64_t headrace_count(const int32_t *codes, const uint8_t *missing, const int32_t *groups,
                       int64_t group_count, int64_t rows, int64_t values, int64_t *counts) {
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
