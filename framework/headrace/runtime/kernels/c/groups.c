/* Equal numbers found among many, and sums of those that are equal. */
#include "text.h"

enum { AHEAD = 16 };

static inline uint32_t tag_of(uint64_t key) { return (uint32_t)((key ^ key >> 32) * GAMMA >> 32); }

/* Give equal keys one number, from 0 on, in the order in which they first occur. `codes` and
 * `first`, where each number first occurs, hold one number for each key; `slot_count` is a power of
 * two, at least twice the keys. Returns the number of different keys. */
int64_t headrace_group(const uint64_t *keys, int64_t rows, int32_t *codes, int32_t *first,
                       uint32_t *slots, int64_t slot_count) {
    int64_t count = 0;
    uint32_t mask = slot_count < 1024 ? (uint32_t)slot_count - 1 : 1023;
    memset(slots, 0, ((uint64_t)mask + 1) * sizeof *slots);
    for (int64_t row = 0; row < rows; row++) {
        uint64_t key = keys[row];
        uint32_t slot = tag_of(key) & mask, found;
        while ((found = slots[slot]) && keys[first[found - 1]] != key) {
            slot = (slot + 1) & mask;
        }
        if (found) {
            codes[row] = (int32_t)found - 1;
            continue;
        }
        codes[row] = (int32_t)count;
        first[count] = (int32_t)row;
        slots[slot] = (uint32_t)++count;
        if (2 * count > mask && (int64_t)mask + 1 < slot_count) {
            int64_t wider = 8 * ((int64_t)mask + 1);
            mask = (uint32_t)(wider < slot_count ? wider : slot_count) - 1;
            memset(slots, 0, ((uint64_t)mask + 1) * sizeof *slots);
            for (int64_t code = 0; code < count; code++) {
                slot = tag_of(keys[first[code]]) & mask;
                while (slots[slot]) {
                    slot = (slot + 1) & mask;
                }
                slots[slot] = (uint32_t)code + 1;
            }
        }
    }
    return count;
}

/* Add numbers to the sum of their group; overflow wraps around. Returns -1 if a group is beyond. */
int64_t headrace_add_up(const int32_t *codes, const int64_t *numbers, int64_t rows, int64_t groups,
                        int64_t *sums) {
    for (int64_t row = 0; row < rows; row++) {
        if (codes[row] < 0 || codes[row] >= groups) {
            return -1;
        }
        sums[codes[row]] = (int64_t)((uint64_t)sums[codes[row]] + (uint64_t)numbers[row]);
    }
    return 0;
}

/* Put keys into `slots` to find them there; these are a power of two, more than the keys. Of equal
 * keys the first one is found. */
void headrace_index(const uint64_t *keys, int64_t rows, uint32_t *slots, int64_t slot_count) {
    uint32_t mask = (uint32_t)slot_count - 1;
    memset(slots, 0, (uint64_t)slot_count * sizeof *slots);
    for (int64_t row = 0; row < rows; row++) {
        uint32_t slot = tag_of(keys[row]) & mask;
        while (slots[slot]) {
            slot = (slot + 1) & mask;
        }
        slots[slot] = (uint32_t)row + 1;
    }
}

/* Find keys among the `known` ones of an index; -1 where one is not there. */
void headrace_find(const uint64_t *known, const uint32_t *slots, int64_t slot_count,
                   const uint64_t *keys, int64_t rows, int64_t *places) {
    uint32_t mask = (uint32_t)slot_count - 1;
    for (int64_t row = 0; row < rows; row++) {
        if (row + AHEAD < rows) {
            __builtin_prefetch(slots + (tag_of(keys[row + AHEAD]) & mask));
        }
        uint32_t slot = tag_of(keys[row]) & mask, found;
        while ((found = slots[slot]) && known[found - 1] != keys[row]) {
            slot = (slot + 1) & mask;
        }
        places[row] = (int64_t)found - 1;
    }
}

/* Put rows into the order of their keys, equals as they are: eight passes, one for each byte, but
 * for those in which all keys agree. `keys` are sorted as well; the spare room is as large. */
void headrace_sort(uint64_t *keys, int32_t *order, int64_t rows, uint64_t *spare_keys,
                   int32_t *spare_order) {
    uint32_t counts[8][256];
    memset(counts, 0, sizeof counts);
    for (int64_t row = 0; row < rows; row++) {
        for (int place = 0; place < 8; place++) {
            counts[place][keys[row] >> 8 * place & 255]++;
        }
    }
    uint64_t *from = keys, *to = spare_keys;
    int32_t *order_from = order, *order_to = spare_order;
    for (int place = 0; place < 8; place++) {
        uint32_t *starts = counts[place], start = 0;
        if (!rows || starts[from[0] >> 8 * place & 255] == rows) {
            continue;
        }
        for (int byte = 0; byte < 256; byte++) {
            uint32_t count = starts[byte];
            starts[byte] = start;
            start += count;
        }
        for (int64_t row = 0; row < rows; row++) {
            uint32_t at = starts[from[row] >> 8 * place & 255]++;
            to[at] = from[row];
            order_to[at] = order_from[row];
        }
        uint64_t *keys_made = to;
        to = from;
        from = keys_made;
        int32_t *order_made = order_to;
        order_to = order_from;
        order_from = order_made;
    }
    if (from != keys) {
        memcpy(keys, from, (uint64_t)rows * sizeof *keys);
        memcpy(order, order_from, (uint64_t)rows * sizeof *order);
    }
}
