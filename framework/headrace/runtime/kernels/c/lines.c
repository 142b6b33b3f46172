/* Lines of libsvm: a label, then an index and a small whole number for each entry. */
#include "text.h"

#define MOST_DIGITS 10

/* Write the digits of a number; return how many. */
static inline int64_t digits_of(uint32_t number, uint8_t *to) {
    uint8_t last[MOST_DIGITS];
    int64_t count = 0;
    do {
        last[count++] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number);
    for (int64_t i = 0; i < count; i++) {
        to[i] = last[count - 1 - i];
    }
    return count;
}

/* Write "label index:value index:value …" for each row. `lines` has room for all labels, 16 bytes
 * for each entry and one for each row. Returns the number of bytes; -1 if a value is no whole number
 * of one or two digits, or is -0, or if a row is not within the entries or ends before it
 * begins. */
int64_t headrace_lines(const int64_t *label_offsets, const uint8_t *labels, const int64_t *offsets,
                       const uint32_t *indices, const float *values, int64_t entries, int64_t rows,
                       uint8_t *lines) {
    int64_t size = 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t length = label_offsets[row + 1] - label_offsets[row];
        if (offsets[row] < 0 || offsets[row] > offsets[row + 1] || offsets[row + 1] > entries) {
            return -1;
        }
        if (length) {
            memcpy(lines + size, labels + label_offsets[row], (uint64_t)length);
            size += length;
        }
        for (int64_t at = offsets[row]; at < offsets[row + 1]; at++) {
            float value = values[at];
            if (!(value > -100 && value < 100)) {
                return -1;
            }
            int32_t whole = (int32_t)value;
            float again = (float)whole;
            if (memcmp(&again, &value, sizeof value)) {
                return -1;
            }
            lines[size++] = ' ';
            size += digits_of(indices[at], lines + size);
            lines[size++] = ':';
            if (whole < 0) {
                lines[size++] = '-';
                whole = -whole;
            }
            size += digits_of((uint32_t)whole, lines + size);
        }
        lines[size++] = '\n';
    }
    return size;
}
