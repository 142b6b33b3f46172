/* Rows put into another order. */
#include "text.h"

#define NUMBERS 256
#define APART 4 /* tables of counters: neighbouring rows often have the same number */
#define FEW 4

/* Order rows by a small number of theirs, those of one number as they stood. */
void headrace_order(const int8_t *numbers, int64_t rows, int32_t *order) {
    uint32_t counts[APART][NUMBERS] = {{0}};
    int64_t starts[NUMBERS], at = 0, row = 0;
    int different = 0;
    for (; row + APART <= rows; row += APART) {
        for (int i = 0; i < APART; i++) {
            counts[i][numbers[row + i] + NUMBERS / 2]++;
        }
    }
    for (; row < rows; row++) {
        counts[0][numbers[row] + NUMBERS / 2]++;
    }
    for (int i = 0; i < NUMBERS; i++) {
        int64_t count = (int64_t)counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];
        starts[i] = at;
        at += count;
        different += count > 0;
    }
    if (different > FEW) {
        for (row = 0; row < rows; row++) {
            order[starts[numbers[row] + NUMBERS / 2]++] = (int32_t)row;
        }
        return;
    }
    for (int i = 0; i < NUMBERS; i++) { /* a pass for each, in which no step waits for a counter */
        int64_t end = i + 1 < NUMBERS ? starts[i + 1] : rows;
        for (at = starts[i], row = 0; at < end; row++) {
            order[at] = (int32_t)row;
            at += numbers[row] == i - NUMBERS / 2;
        }
    }
}

#define TAKE(type)                                             \
    for (int64_t row = 0; row < rows; row++) {                 \
        ((type *)to)[row] = ((const type *)from)[order[row]];  \
    }

/* Take rows of some columns, whose `sizes` are the bytes of each cell: 1, 2, 4 or 8. Each has `given`
 * rows. Returns -1 if a place is beyond them, or a size is none of these. */
int64_t headrace_take(const int32_t *order, int64_t rows, int64_t given, int64_t columns,
                      const void *const *from_each, const int64_t *sizes, void *const *to_each) {
    if (!are_within(order, rows, given - 1)) {
        return -1;
    }
    for (int64_t column = 0; column < columns; column++) {
        const void *from = from_each[column];
        void *restrict to = to_each[column];
        if (sizes[column] == 1) {
            TAKE(uint8_t)
        } else if (sizes[column] == 2) {
            TAKE(uint16_t)
        } else if (sizes[column] == 4) {
            TAKE(uint32_t)
        } else if (sizes[column] == 8) {
            TAKE(uint64_t)
        } else {
            return -1;
        }
    }
    return 0;
}

/* Take rows of a column of text. Returns -1 if a place is beyond the `given` rows, or if the texts
 * have more than `room` bytes. */
int64_t headrace_take_texts(const int32_t *offsets, const uint8_t *data, int64_t given,
                            const int32_t *order, int64_t rows, int32_t *to_offsets,
                            uint8_t *restrict to_data, int64_t room) {
    if (!are_within(order, rows, given - 1)) {
        return -1;
    }
    int64_t at = 0;
    to_offsets[0] = 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t start = offsets[order[row]], size = offsets[order[row] + 1] - start;
        int64_t readable = offsets[given] - start, left = room - at;
        if (size > left) {
            return -1;
        }
        copy_text(to_data + at, data + start, size, readable < left ? readable : left);
        at += size;
        to_offsets[row + 1] = (int32_t)at;
    }
    return 0;
}
