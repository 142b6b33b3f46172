/* Equal numbers found among many, sums of those that are equal, and rows by value and group. */
#include "processor.h"
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
        if (row + 2 * AHEAD < rows) {
            __builtin_prefetch(slots + (tag_of(keys[row + 2 * AHEAD]) & mask));
        }
        if (row + AHEAD < rows) { /* whose slot is there by now */
            __builtin_prefetch(known + slots[tag_of(keys[row + AHEAD]) & mask]);
        }
        uint32_t slot = tag_of(keys[row]) & mask, found;
        while ((found = slots[slot]) && known[found - 1] != keys[row]) {
            slot = (slot + 1) & mask;
        }
        places[row] = (int64_t)found - 1;
    }
}

/* Add numbers to the sums of their keys. The first `count` of `known` and `sums` are those so far, and
 * `slots` their index; all have room for as many keys as there may be then. Numbers that are 0 are
 * left out. `added` gets the rows of the keys that are new. Returns how many these are. */
int64_t headrace_tally(uint64_t *known, int64_t *sums, int64_t count, uint32_t *slots,
                       int64_t slot_count, const uint64_t *keys, const int64_t *numbers,
                       int64_t rows, int32_t *added) {
    const int64_t before = count;
    uint32_t mask = (uint32_t)slot_count - 1;
    for (int64_t row = 0; row < rows; row++) {
        if (row + AHEAD < rows) {
            __builtin_prefetch(slots + (tag_of(keys[row + AHEAD]) & mask));
        }
        if (!numbers[row]) {
            continue;
        }
        uint32_t slot = tag_of(keys[row]) & mask, found;
        while ((found = slots[slot]) && known[found - 1] != keys[row]) {
            slot = (slot + 1) & mask;
        }
        if (found) {
            sums[found - 1] = (int64_t)((uint64_t)sums[found - 1] + (uint64_t)numbers[row]);
            continue;
        }
        known[count] = keys[row];
        sums[count] = numbers[row];
        added[count - before] = (int32_t)row;
        slots[slot] = (uint32_t)++count;
    }
    return count - before;
}

/* The first eight bytes of each text, zero beyond its end, as a number: these are in the order of
 * the bytes. */
void headrace_begins(const int32_t *offsets, const uint8_t *data, int64_t rows, uint64_t *begins) {
    for (int64_t row = 0; row < rows; row++) {
        int64_t start = offsets[row], size = offsets[row + 1] - start;
        begins[row] = __builtin_bswap64(first_word(data + start, size, offsets[rows] - start));
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
#define MOST_COUNTERS (12 * (MOST_VALUES + 1))
#define AT_ONCE 1024 /* rows */
#define APART 4 /* tables of counters: neighbouring rows often have the same value */

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

/* Rows that are counted: those `chosen`, or all; `groups` has the group of each of them. A row without
 * a value has that behind the last one. */
typedef struct {
    const int32_t *codes;
    const uint8_t *missing;
    const int32_t *chosen;
    const int8_t *groups;
    int64_t count, rows, values, group_count;
} Rows;

INLINE int are_groups(const int8_t *groups, int64_t count, int64_t last) {
    uint8_t beyond = 0;
    for (int64_t i = 0; i < count; i++) {
        beyond |= (uint8_t)groups[i] | (uint8_t)((uint8_t)last - (uint8_t)groups[i]);
    }
    return !(beyond >> 7);
}

/* Count rows by value and group. Returns 0 if a number does not fit the others. */
INLINE int count_rows(const Rows *given, const int32_t *chosen, const uint8_t *missing,
                      uint32_t *const *counters) {
    int32_t values[AT_ONCE];
    const int64_t size = given->group_count;
    if (chosen && !are_within(chosen, given->count, given->rows - 1)) {
        return 0;
    }
    for (int64_t first = 0; first < given->count; first += AT_ONCE) {
        int64_t count = given->count - first < AT_ONCE ? given->count - first : AT_ONCE;
        const int8_t *groups = given->groups + first;
        for (int64_t i = 0; i < count; i++) {
            int64_t row = chosen ? chosen[first + i] : first + i;
            values[i] = missing && missing[row] ? (int32_t)given->values : given->codes[row];
        }
        int64_t last = given->values - !missing;
        if (!are_within(values, count, last) || !are_groups(groups, count, size - 1)) {
            return 0;
        }
        int64_t i = 0;
        for (; i + APART <= count; i += APART) {
            for (int table = 0; table < APART; table++) {
                counters[table][values[i + table] * size + groups[i + table]]++;
            }
        }
        for (; i < count; i++) {
            counters[0][values[i] * size + groups[i]]++;
        }
    }
    return 1;
}

/* Add to `counts`, shape (known, groups), the rows of each value in each group, and to `nulls` those
 * without a value. `keys` tell the values, and ascend where they are `known`. If the rows of each
 * value are given, in `of_values`, those that are not `chosen` are of the group `most`; `groups` are
 * those of the chosen rows, or else of all. Returns -1, and adds nothing, if one of the values is
 * not known, there are more than 512, or a number does not fit the others. */
int64_t headrace_cross(const int32_t *codes, const uint8_t *missing, int64_t rows,
                       const int8_t *groups, int64_t group_count, const int64_t *of_values,
                       const int32_t *chosen, int64_t chosen_count, int64_t most,
                       const uint64_t *keys, int64_t values, const uint64_t *known,
                       int64_t known_count, int64_t *counts, int64_t *nulls) {
    int64_t *to[MOST_VALUES + 1], used = (values + 1) * group_count, left = rows;
    uint32_t counters[MOST_COUNTERS], *tables[APART];
    if (values > MOST_VALUES || used > MOST_COUNTERS || most < 0 || most >= group_count ||
        group_count > 127) {
        return -1;
    }
    for (int64_t value = 0; value < values; value++) {
        int64_t place = place_of(keys[value], known, known_count);
        if (place < 0) {
            return -1;
        }
        to[value] = counts + place * group_count;
    }
    to[values] = nulls;
    int64_t apart = APART * used <= MOST_COUNTERS ? used : 0;
    for (int table = 0; table < APART; table++) {
        tables[table] = counters + table * apart;
        memset(tables[table], 0, (uint64_t)used * sizeof *counters);
    }
    chosen = of_values ? chosen : 0;
    const Rows given = {codes, missing, chosen, groups, chosen ? chosen_count : rows,
                        rows,  values,  group_count};
    int fits = chosen && missing ? count_rows(&given, chosen, missing, tables)
               : chosen          ? count_rows(&given, chosen, 0, tables)
               : missing         ? count_rows(&given, 0, missing, tables)
                                 : count_rows(&given, 0, 0, tables);
    for (int64_t i = 0; apart && i < used; i++) {
        counters[i] += tables[1][i] + tables[2][i] + tables[3][i];
    }
    for (int64_t value = 0; chosen && value <= values; value++) { /* the rows that are left */
        uint32_t *of_value = counters + value * group_count;
        int64_t rest = value < values ? of_values[value] : left;
        left -= rest;
        for (int64_t group = 0; group < group_count; group++) {
            rest -= of_value[group];
        }
        fits = fits && rest >= 0 && rest <= rows && !of_value[most];
        of_value[most] = (uint32_t)rest;
    }
    for (int64_t i = 0; fits && i < used; i++) {
        to[i / group_count][i % group_count] += counters[i];
    }
    return fits ? 0 : -1;
}
