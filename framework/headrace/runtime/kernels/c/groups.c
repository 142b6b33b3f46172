/* Equal numbers found among many, and sums of those that are equal. */
#include "text.h"

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

/* Find keys among `known`, which ascend; -1 where one is not there. `starts` says where those begin
 * whose highest bits are 0, 1, and so on, and where the last ones end, for 2**bits of them. */
void headrace_find(const uint64_t *known, const int32_t *starts, int64_t bits, const uint64_t *keys,
                   int64_t rows, int64_t *places) {
    for (int64_t row = 0; row < rows; row++) {
        uint64_t key = keys[row], chosen = bits ? key >> (64 - bits) : 0;
        int64_t at = starts[chosen], end = starts[chosen + 1];
        while (at < end && known[at] < key) {
            at++;
        }
        places[row] = at < end && known[at] == key ? at : -1;
    }
}
