/* Equal numbers found among many, sums of those that are equal, and rows by value and group. */
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

/* The sum of whole numbers of 31 bits or fewer; `is_whole` says whether all of them are that. */
static int64_t sum_of(const double *numbers, int64_t count, int *is_whole) {
    int64_t sum = 0;
    int are_whole = 1;
    for (int64_t i = 0; i < count; i++) {
        double number = numbers[i];
        int fits = number > -2147483648.0 && number < 2147483648.0;
        int32_t whole = (int32_t)(fits ? number : 0);
        are_whole &= fits & (whole == number);
        sum += whole;
    }
    *is_whole &= are_whole;
    return sum;
}

/* Add whole numbers to the sum of their group, and count the rows of each; without codes there is
 * one group. Returns -1 if a group is beyond, or a number is not whole or has more than 31 bits. */
int64_t headrace_whole_sums(const int32_t *codes, const double *numbers, int64_t rows,
                            int64_t groups, int64_t *counts, int64_t *sums) {
    int is_whole = 1;
    for (int64_t start = 0, end; start < rows; start = end) { /* rows of one group often follow */
        int64_t group = codes ? codes[start] : 0;
        end = codes ? start + 1 : rows;
        while (end < rows && codes[end] == group) {
            end++;
        }
        if (group < 0 || group >= groups) {
            return -1;
        }
        counts[group] += end - start;
        sums[group] += sum_of(numbers + start, end - start, &is_whole);
    }
    return is_whole ? 0 : -1;
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

#define MOST_VALUES 512
#define APART 4 /* tables of counters: neighbouring rows often have the same value */
#define SMALL 512

static int64_t place_of(uint64_t key, const uint64_t *known, int64_t count) {
    int64_t from = 0, to = count;
    while (from < to) {
        int64_t middle = (from + to) / 2;
        if (known[middle] < key) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from < count && known[from] == key ? from : -1;
}

static inline int64_t value_of(const int32_t *codes, const uint8_t *missing, int64_t values,
                               int64_t row) {
    return missing && missing[row] ? values : codes[row];
}

/* Whether each row has a value, or none, and a group. */
static int all_are_there(const int32_t *codes, const uint8_t *missing, const int8_t *groups,
                         int64_t group_count, int64_t rows, int64_t values) {
    uint32_t most = (uint32_t)values, last = (uint32_t)group_count - 1, beyond = 0;
    for (int64_t row = 0; row < rows; row++) { /* what is negative, or is so below the most */
        uint32_t group = (uint32_t)(int32_t)groups[row];
        beyond |= group | (last - group);
    }
    for (int64_t row = 0; row < rows; row++) {
        uint32_t code = missing && missing[row] ? 0 : (uint32_t)codes[row];
        beyond |= code | (most - code);
    }
    return !(beyond >> 31);
}

/* Add to `counts`, shape (known, groups), the rows of each value in each group, and to `nulls` those
 * without a value, whose code is that behind the last. `keys` tell the values, and ascend where they
 * are `known`. Returns -1, and adds nothing, if one of them is not known, there are more than 512, or
 * a code or a group is beyond. */
int64_t headrace_cross(const int32_t *codes, const uint8_t *missing, const int8_t *groups,
                       int64_t group_count, int64_t rows, const uint64_t *keys, int64_t values,
                       const uint64_t *known, int64_t known_count, int64_t *counts,
                       int64_t *nulls) {
    int64_t *of_values[MOST_VALUES + 1];
    uint32_t apart[APART][SMALL];
    if (values > MOST_VALUES ||
        !all_are_there(codes, missing, groups, group_count, rows, values)) {
        return -1;
    }
    for (int64_t value = 0; value < values; value++) {
        int64_t place = place_of(keys[value], known, known_count);
        if (place < 0) {
            return -1;
        }
        of_values[value] = counts + place * group_count;
    }
    of_values[values] = nulls;
    int64_t used = (values + 1) * group_count, row = 0;
    if (used <= SMALL) {
        for (int table = 0; table < APART; table++) {
            memset(apart[table], 0, (uint64_t)used * sizeof **apart);
        }
        for (; row + APART <= rows; row += APART) {
            for (int table = 0; table < APART; table++) {
                int64_t value = value_of(codes, missing, values, row + table);
                apart[table][value * group_count + groups[row + table]]++;
            }
        }
        for (int64_t i = 0; i < used; i++) {
            int64_t sum = 0;
            for (int table = 0; table < APART; table++) {
                sum += apart[table][i];
            }
            of_values[i / group_count][i % group_count] += sum;
        }
    }
    for (; row < rows; row++) {
        of_values[value_of(codes, missing, values, row)][groups[row]]++;
    }
    return 0;
}
