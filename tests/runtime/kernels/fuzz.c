/* Calls every kernel with blocks drawn at random, each buffer of exactly the size that it needs, so
 * that a sanitizer sees a single byte too much.
 *
 *     cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover -I KERNELS -o fuzz \
 *         fuzz.c KERNELS/hash.c …
 *     ./fuzz SEED ROUNDS [FILE …]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static uint64_t state;

static uint64_t draw(uint64_t below) {
    state += 0x9E3779B97F4A7C15u;
    uint64_t word = (state ^ state >> 30) * 0xBF58476D1CE4E5B9u;
    word = (word ^ word >> 27) * 0x94D049BB133111EBu;
    return (word ^ word >> 31) % below;
}

/* Memory of exactly that size, full of garbage. */
static void *room(uint64_t size) {
    uint8_t *memory = malloc(size ? size : 1);
    for (uint64_t i = 0; i < size; i++) {
        memory[i] = (uint8_t)(i * 37 + 11);
    }
    if (!size) {
        memory = realloc(memory, 1);
    }
    return memory;
}

static void check(int is_right, const char *what) {
    if (!is_right) {
        fprintf(stderr, "wrong: %s\n", what);
        abort();
    }
}

typedef struct {
    int32_t *offsets;
    uint8_t *data, *validity;
    int64_t rows, size;
} Column;

static Column drawn_column(void) {
    Column column = {0, 0, 0, (int64_t)draw(4) ? (int64_t)draw(40) : (int64_t)draw(3000), 0};
    int64_t longest = 1 + (int64_t)draw(3) * (int64_t)draw(draw(2) ? 5 : 40), letters = 1 + (int64_t)draw(4);
    column.offsets = room(4 * (uint64_t)(column.rows + 1));
    column.offsets[0] = (int32_t)draw(9);
    for (int64_t i = 0; i < column.rows; i++) {
        column.offsets[i + 1] = column.offsets[i] + (int32_t)draw((uint64_t)longest);
    }
    column.size = column.offsets[column.rows];
    int odd = !draw(6); /* bytes that stand in no text */
    column.data = room((uint64_t)column.size);
    for (int64_t i = 0; i < column.size; i++) {
        column.data[i] = (uint8_t)((odd ? 0xED : 'a') + draw((uint64_t)letters * (odd ? 4 : 1)));
    }
    column.validity = room((uint64_t)(column.rows + 7) / 8);
    return column;
}

/* What `headrace_count` counts, added to counts of values that are known. */
static void fuzz_crossed(const int32_t *codes, const uint8_t *missing, const int32_t *wide_groups,
                         int64_t groups, int64_t rows, int64_t values, const int64_t *of_values,
                         const int64_t *expected) {
    uint64_t *keys = room(8 * (uint64_t)values), *known = room(8 * (uint64_t)values);
    uint64_t size = 8 * (uint64_t)(values * groups);
    int8_t *group = room((uint64_t)rows), most = (int8_t)draw((uint64_t)groups);
    int64_t count = 0;
    for (int64_t i = 0; i < values; i++) {
        keys[i] = known[i] = 3 * (uint64_t)i;
    }
    for (int64_t row = 0; row < rows; row++) {
        group[row] = (int8_t)(wide_groups[row] % groups);
        count += group[row] != most;
    }
    int32_t *others = room(4 * (uint64_t)count), *next = others;
    for (int64_t row = 0; row < rows; row++) {
        if (group[row] != most) {
            *next++ = (int32_t)row;
        }
    }
    int8_t *of_others = room((uint64_t)count);
    for (int64_t i = 0; i < count; i++) {
        of_others[i] = group[others[i]];
    }
    for (int of_some = 0; of_some < 2; of_some++) {
        int8_t *counted = of_some ? of_others : group;
        int64_t all = of_some ? count : rows, *counts = calloc(size + 1, 1), *nulls = calloc((uint64_t)groups, 8);
        const int64_t *totals = of_some ? of_values : 0;
        int64_t done = headrace_cross(codes, missing, rows, counted, groups, totals, others, count,
                                      most, keys, values, known, values, counts, nulls);
        check(done == (values > 512 ? -1 : 0), "crossed");
        if (!done) {
            check(!memcmp(counts, expected, size), "crossed counts");
            check(!memcmp(nulls, expected + values * groups, 8 * (uint64_t)groups), "crossed nulls");
        }
        free(counts), free(nulls);
        if (all) { /* what is beyond is found out */
            counted[draw((uint64_t)all)] = (int8_t)(draw(2) ? groups : -1);
            check(headrace_cross(codes, missing, rows, counted, groups, totals, others, count, most,
                                 keys, values, known, values, 0, 0) == -1,
                  "a wrong group to cross");
        }
    }
    if (count) {
        others[draw((uint64_t)count)] = (int32_t)(draw(2) ? rows : -1);
        check(headrace_cross(codes, missing, rows, of_others, groups, of_values, others, count, most,
                             keys, values, known, values, 0, 0) == -1,
              "a wrong row to cross");
    }
    if (values) {
        keys[draw((uint64_t)values)] += 1;
        check(headrace_cross(codes, missing, 0, group, groups, 0, 0, 0, 0, keys, values, known,
                             values, 0, 0) == -1,
              "another value");
    }
    free(keys), free(known), free(group), free(others), free(of_others);
}

static void fuzz_text(void) {
    Column column = drawn_column();
    uint64_t rows = (uint64_t)column.rows, before = draw(40);
    uint64_t bytes = (uint64_t)(column.size - column.offsets[0]);
    uint8_t *prefix = room(before);
    uint32_t *hashes = room(4 * rows);
    uint64_t *wide = room(8 * rows);
    uint32_t twice_hashes[2];
    for (int function = MURMUR3_32; function <= XXH32; function++) {
        uint32_t seed = (uint32_t)draw(1ull << 32), alone, *again = room(4 * rows);
        headrace_level((int)draw(3));
        headrace_hash32(column.offsets, column.data, column.rows, prefix, (int64_t)before, function,
                        seed, hashes);
        for (int64_t i = 0; i < column.rows; i++) {
            headrace_hash32(column.offsets + i, column.data, 1, prefix, (int64_t)before, function,
                            seed, &alone);
            check(hashes[i] == alone, "a hash");
        }
        headrace_tokens(column.offsets, column.data, column.rows, prefix, (int64_t)before, function,
                        seed, 7, again, wide);
        check(!memcmp(hashes, again, 4 * rows), "hashes of tokens");
        headrace_hash32(column.offsets, column.data, column.rows, prefix, (int64_t)before,
                        MURMUR3_32, 7, again);
        for (uint64_t i = 0; i < rows; i++) {
            check(wide[i] == ((uint64_t)hashes[i] << 32 | again[i]), "what a text is known by");
        }
        free(again);
    }
    uint32_t n_features = 1 + (uint32_t)draw(1u << 31), *keys = room(4 * rows);
    headrace_signed_keys(hashes, column.rows, n_features, 1, keys);
    for (uint64_t i = 0; i < rows; i++) {
        uint32_t size = hashes[i] >> 31 ? 0 - hashes[i] : hashes[i];
        check(keys[i] == (size % n_features << 1 | hashes[i] >> 31), "a key");
    }
    free(keys);
    if (rows) {
        int32_t edges[] = {0, (int32_t)before / 2, (int32_t)before};
        int32_t twice[] = {column.offsets[0], column.offsets[1], column.offsets[1]};
        headrace_hash_cells(twice, column.data, 2, 1, edges, prefix, (int)draw(2), 7, twice_hashes);
    }
    headrace_hash64(column.offsets, column.data, column.rows, draw(1ull << 32), wide);

    int64_t slots = 2;
    while (slots < 2 * column.rows) {
        slots *= 2;
    }
    int32_t *codes = room(4 * rows), *starts = room(4 * (rows + 1));
    uint8_t *missing = room(rows), *values = room(bytes + 8), *validity = draw(2) ? column.validity : 0;
    int64_t *of_values = room(8 * rows);
    uint64_t *marks = room(8 * rows);
    int32_t *table = room(4 * (uint64_t)slots);
    int64_t count =
        headrace_encode(column.offsets, column.data, validity, 0, column.rows, codes, missing,
                        starts, values, of_values, marks, table, slots);
    int64_t sketch[4 * 8] = {0};
    headrace_sketch(wide, of_values, count, 8, sketch);
    int64_t nulls = 0;
    for (int64_t row = 0; row < column.rows; row++) {
        if (validity && missing[row]) {
            nulls++;
            continue;
        }
        int64_t size = column.offsets[row + 1] - column.offsets[row];
        check(codes[row] < count, "code");
        check(starts[codes[row] + 1] - starts[codes[row]] == size, "size of a value");
        check(!memcmp(values + starts[codes[row]], column.data + column.offsets[row], (uint64_t)size),
              "value");
    }
    if (column.rows < 100) { /* no value is there twice */
        for (int64_t i = 0; i < count; i++) {
            for (int64_t j = 0; j < i; j++) {
                int64_t size = starts[i + 1] - starts[i];
                check(starts[j + 1] - starts[j] != size ||
                          memcmp(values + starts[i], values + starts[j], (uint64_t)size),
                      "different values");
            }
        }
    }
    int64_t groups = 1 + (int64_t)draw(12), total = 0;
    int32_t *group = room(4 * rows);
    for (uint64_t i = 0; i < rows; i++) {
        group[i] = (int32_t)draw((uint64_t)groups);
    }
    uint64_t cells = (uint64_t)((count + 1) * groups);
    int64_t *counts = calloc(cells, 8);
    headrace_count(codes, validity ? missing : 0, group, groups, column.rows, count, counts);
    if (rows) { /* a group beyond the others is found out */
        int64_t *others = calloc(cells, 8);
        group[rows - 1] += (int32_t)groups;
        check(headrace_count(codes, validity ? missing : 0, group, groups, column.rows, count,
                             others) == -1,
              "a wrong group");
        free(others);
    }
    for (uint64_t i = 0; i < cells; i++) {
        total += counts[i];
    }
    check(total == column.rows, "counts");
    int64_t *alone = calloc((uint64_t)count + 1, 8);
    int64_t done = headrace_count(codes, validity ? missing : 0, 0, 1, column.rows, count, alone);
    check(done == 0 && !memcmp(alone, of_values, 8 * (uint64_t)count), "counts of values");
    if (rows && !validity) {
        int32_t code = codes[rows - 1];
        codes[rows - 1] = (int32_t)count;
        check(headrace_count(codes, 0, 0, 1, column.rows, count, alone) == -1, "a wrong value");
        codes[rows - 1] = code;
    }
    free(alone);
    fuzz_crossed(codes, validity ? missing : 0, group, groups, column.rows, count, of_values,
                 counts);
    for (int64_t i = 0; i < count; i++) {
        total -= of_values[i];
    }
    check(total == nulls, "counts of values");
    free(of_values);
    void *all[] = {prefix, hashes, wide,   codes,          starts,      missing,        values,
                   marks,  table,  group,  counts, column.offsets, column.data, column.validity};
    for (uint64_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

static void fuzz_bytes(void) {
    Column column = drawn_column();
    uint32_t crc = (uint32_t)draw(1ull << 32), bits = ~crc;
    int64_t start = column.offsets[0] < column.size ? column.offsets[0] : column.size;
    for (int64_t i = start; i < column.size; i++) {
        bits ^= column.data[i];
        for (int bit = 0; bit < 8; bit++) {
            bits = bits >> 1 ^ (bits & 1 ? 0xEDB88320u : 0);
        }
    }
    int64_t found = headrace_crc32(column.data + start, column.size - start, crc);
    check(found == -1 || found == (int64_t)(uint32_t)~bits, "checksum");

    int64_t width = 1 + (int64_t)draw(3);
    for (int64_t row = 0; row < column.rows; row++) {
        int64_t size = column.offsets[row + 1] - column.offsets[row];
        width = size > width ? size : width;
    }
    uint8_t *padded = room((uint64_t)(width * column.rows));
    headrace_padded(column.offsets, column.data, column.rows, width, padded);
    for (int64_t row = 0; row < column.rows; row++) {
        int64_t size = column.offsets[row + 1] - column.offsets[row];
        uint8_t *cell = padded + row * width;
        check(!memcmp(cell, column.data + column.offsets[row], (uint64_t)size), "a padded text");
        for (int64_t i = size; i < width; i++) {
            check(!cell[i], "zeros behind a text");
        }
    }
    void *all[] = {padded, column.offsets, column.data, column.validity};
    for (uint64_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

#define WIDEST 256

/* Rows in another order, against those of `flat`, the keys of all cells, in that order. */
static void fuzz_ordered(const int32_t *const *codes, const uint32_t *const *keys,
                         const int64_t *counts, const uint8_t *const *missing, int32_t *order,
                         int64_t columns, int64_t rows, const uint32_t *flat) {
    uint64_t cells = (uint64_t)(columns * rows);
    int32_t *offsets[2], *indices[2];
    float *values[2];
    uint32_t *ordered = room(4 * cells);
    for (int i = 0; i < 2; i++) {
        offsets[i] = room(4 * (uint64_t)(rows + 1));
        indices[i] = room(4 * (cells + 3));
        values[i] = room(4 * (cells + 3));
    }
    for (int64_t i = 0; i < columns; i++) {
        for (int64_t row = 0; row < rows; row++) {
            ordered[i * rows + row] = flat[i * rows + order[row]];
        }
    }
    int64_t found = headrace_sparse(codes, keys, counts, missing, order, columns, rows, offsets[0],
                                    indices[0], values[0]);
    check(headrace_sparse_keys(ordered, columns, rows, offsets[1], indices[1], values[1]) == found,
          "entries of ordered rows");
    check(!memcmp(offsets[0], offsets[1], 4 * (uint64_t)(rows + 1)), "ordered offsets");
    check(!memcmp(indices[0], indices[1], 4 * (uint64_t)found), "ordered indices");
    check(!memcmp(values[0], values[1], 4 * (uint64_t)found), "ordered values");
    if (rows) { /* a place beyond the rows is found out */
        order[draw((uint64_t)rows)] = draw(2) ? (int32_t)rows : -1;
        check(headrace_sparse(codes, keys, counts, missing, order, columns, rows, 0, 0, 0) == -1,
              "no such place");
    }
    for (int i = 0; i < 2; i++) {
        free(offsets[i]), free(indices[i]), free(values[i]);
    }
    free(ordered);
}

static void fuzz_rows(void) {
    int64_t columns = 1 + (int64_t)draw(draw(8) ? 30 : WIDEST), rows = (int64_t)draw(40);
    uint64_t cells = (uint64_t)(columns * rows);
    int32_t *codes[WIDEST];
    uint32_t *keys[WIDEST];
    uint8_t *missing[WIDEST];
    int64_t counts[WIDEST];
    uint64_t width = 1 + draw(draw(2) ? 20 : 1u << 30);
    for (int64_t i = 0; i < columns; i++) {
        counts[i] = (int64_t)draw(20);
        codes[i] = room(4 * (uint64_t)rows);
        keys[i] = room(4 * (uint64_t)counts[i]);
        missing[i] = draw(2) ? room((uint64_t)rows) : 0;
        for (int64_t j = 0; j < counts[i]; j++) {
            keys[i][j] = (uint32_t)(draw(width) << 1 | draw(2));
        }
        for (int64_t row = 0; row < rows; row++) {
            codes[i][row] = counts[i] ? (int32_t)draw((uint64_t)counts[i]) : (int32_t)draw(99);
            if (missing[i]) {
                missing[i][row] = (uint8_t)draw(2);
            }
        }
    }
    int32_t *offsets = room(4 * (uint64_t)(rows + 1)), *indices = room(4 * (cells + 3));
    float *values = room(4 * (cells + 3));
    int64_t found =
        headrace_sparse((const int32_t *const *)codes, (const uint32_t *const *)keys, counts,
                        (const uint8_t *const *)missing, 0, columns, rows, offsets, indices,
                        values);
    check(found == offsets[rows], "entries");
    for (int level = 0; level < 2; level++) {
        headrace_level(level);
        int32_t *some_offsets = room(4 * (uint64_t)(rows + 1));
        int32_t *some_indices = room(4 * (cells + 3));
        float *some_values = room(4 * (cells + 3));
        check(headrace_sparse((const int32_t *const *)codes, (const uint32_t *const *)keys, counts,
                              (const uint8_t *const *)missing, 0, columns, rows, some_offsets,
                              some_indices, some_values) == found,
              "entries at every level");
        check(!memcmp(offsets, some_offsets, 4 * (uint64_t)(rows + 1)), "offsets at every level");
        check(!memcmp(indices, some_indices, 4 * (uint64_t)found), "indices at every level");
        check(!memcmp(values, some_values, 4 * (uint64_t)found), "values at every level");
        free(some_offsets), free(some_indices), free(some_values);
    }
    headrace_level((int)draw(3));
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t at = offsets[row] + 1; at < offsets[row + 1]; at++) {
            check(indices[at - 1] < indices[at], "order");
        }
    }
    if (rows && counts[0]) { /* a code beyond the keys is found out */
        int32_t code = codes[0][rows - 1];
        codes[0][rows - 1] = draw(2) ? (int32_t)counts[0] : -1;
        check(headrace_sparse((const int32_t *const *)codes, (const uint32_t *const *)keys, counts,
                              (const uint8_t *const *)missing, 0, columns, rows, offsets, indices,
                              values) == -1,
              "a wrong code");
        codes[0][rows - 1] = code;
    }
    int32_t *order = room(4 * (uint64_t)rows);
    for (int64_t row = 0; row < rows; row++) {
        order[row] = (int32_t)draw((uint64_t)rows);
    }
    double *weights[WIDEST], *wide_values = room(8 * cells);
    for (int64_t i = 0; i < columns; i++) {
        weights[i] = draw(2) ? room(8 * (uint64_t)rows) : 0;
        for (int64_t row = 0; weights[i] && row < rows; row++) {
            weights[i][row] = (double)draw(3) - 1;
        }
    }
    int64_t heavy = headrace_sparse_weighted((const int32_t *const *)codes,
                                             (const uint32_t *const *)keys, counts,
                                             (const uint8_t *const *)missing,
                                             (const double *const *)weights, order, columns, rows,
                                             offsets, indices, wide_values);
    check(heavy == -1 || heavy <= (int64_t)cells, "entries with weights");
    found = headrace_sparse((const int32_t *const *)codes, (const uint32_t *const *)keys, counts,
                            (const uint8_t *const *)missing, 0, columns, rows, offsets, indices,
                            values);
    for (int64_t i = 0; i < columns; i++) {
        free(weights[i]);
    }
    free(wide_values);
    uint32_t *flat = room(4 * cells);
    int32_t *again = room(4 * (uint64_t)(rows + 1)), *others = room(4 * (cells + 3));
    float *numbers_of_others = room(4 * (cells + 3));
    for (int64_t i = 0; i < columns; i++) {
        for (int64_t row = 0; row < rows; row++) {
            int is_there = counts[i] && !(missing[i] && missing[i][row]);
            flat[i * rows + row] = is_there ? keys[i][codes[i][row]] : 0xFFFFFFFFu;
        }
    }
    int64_t same = headrace_sparse_keys(flat, columns, rows, again, others, numbers_of_others);
    check(same == found, "entries of keys");
    check(!memcmp(indices, others, 4 * (uint64_t)found), "indices of keys");
    check(!memcmp(values, numbers_of_others, 4 * (uint64_t)found), "values of keys");
    fuzz_ordered((const int32_t *const *)codes, (const uint32_t *const *)keys, counts,
                 (const uint8_t *const *)missing, order, columns, rows, flat);
    int64_t *wide = room(8 * (uint64_t)(rows + 1));
    for (int64_t row = 0; row <= rows; row++) {
        wide[row] = offsets[row];
    }
    uint32_t *exact = room(4 * (uint64_t)found);
    float *numbers = room(4 * (uint64_t)found);
    memcpy(exact, indices, 4 * (uint64_t)found);
    memcpy(numbers, values, 4 * (uint64_t)found);
    int64_t *label_ends = room(8 * (uint64_t)(rows + 1));
    for (int64_t row = 0; row <= rows; row++) {
        label_ends[row] = row ? label_ends[row - 1] + (int64_t)draw(3) : (int64_t)draw(3);
    }
    uint8_t *labels = room((uint64_t)label_ends[rows]);
    uint64_t room_of_lines = (uint64_t)(label_ends[rows] - label_ends[0] + 16 * found + rows);
    uint8_t *lines = room(room_of_lines);
    int64_t written =
        headrace_lines(label_ends, labels, wide, exact, numbers, found, rows, lines);
    check(written == -1 || (written >= rows && written <= (int64_t)room_of_lines), "lines");
    if (rows) { /* a row that begins behind its end is found out */
        int64_t start = wide[0];
        wide[0] = wide[1] + 1;
        check(headrace_lines(label_ends, labels, wide, exact, numbers, found, rows, lines) == -1,
              "a row that ends before it begins");
        wide[0] = start;
    }
    free(label_ends);
    free(labels);
    free(lines);
    uint64_t *sums = room(8 * (uint64_t)rows), digest = 0, without = 0;
    check(!headrace_digest(wide, exact, numbers, 0, found, rows, sums, 5, &digest), "digest");
    check(!headrace_digest(0, 0, 0, 0, 0, rows, sums, 5, &without), "digest without entries");
    check(found || digest == without, "no entries");
    if (rows && found) {
        check(headrace_digest(wide, exact, numbers, 0, found - 1, rows, 0, 0, 0) == -1,
              "too few entries");
    }
    for (int64_t i = 0; i < columns; i++) {
        free(codes[i]);
        free(keys[i]);
        free(missing[i]);
    }
    void *all[] = {offsets, indices, values, wide,  exact, numbers, sums,
                   flat,    again,   others, numbers_of_others, order};
    for (uint64_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

#define MOST_WANTED 64
#define BEHIND 288 /* bytes behind cells that may be overwritten */

typedef struct {
    int64_t rows, filled[MOST_WANTED], nulls[MOST_WANTED];
    int32_t *offsets[MOST_WANTED];
    uint8_t *cells[MOST_WANTED], *validity[MOST_WANTED];
} Read;

static void free_read(Read *read, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        free(read->offsets[i]), free(read->cells[i]), free(read->validity[i]);
    }
}

static void read_csv(const uint8_t *data, int64_t size, int64_t columns, uint8_t delimiter,
                     uint8_t quote) {
    int64_t count = (int64_t)draw(MOST_WANTED), wanted[MOST_WANTED], sizes[MOST_WANTED];
    int64_t measured[MOST_WANTED] = {0}, few[MOST_WANTED] = {0};
    uint32_t *ends = room(4 * (uint64_t)(9 * columns + 128 * 64 + 32));
    int32_t is_ascii, is_still_ascii;
    for (int64_t i = 0; i < count; i++) {
        wanted[i] = (int64_t)draw((uint64_t)columns);
    }
    int64_t rows = headrace_csv_read(data, size, delimiter, quote, 0xFF, columns, wanted, count, 0,
                                     0, 0, 0, measured, 0, 0, ends, &is_ascii);
    check(rows >= -1, "there is always room to measure");
    Read first = {0}, read;
    for (int level = 2; level >= 0 && rows > 0; level--) {
        headrace_level(level);
        memset(&read, 0, sizeof read);
        for (int64_t i = 0; i < count; i++) {
            sizes[i] = measured[i] + BEHIND;
            read.offsets[i] = room(4 * (uint64_t)(rows + 1));
            read.cells[i] = room((uint64_t)sizes[i]);
            read.validity[i] = room((uint64_t)(rows + 7) / 8);
        }
        read.rows = headrace_csv_read(data, size, delimiter, quote, 0xFF, columns, wanted, count,
                                      read.offsets, read.cells, read.validity, sizes, read.filled,
                                      read.nulls, rows, ends, &is_still_ascii);
        check(read.rows == rows && is_ascii == is_still_ascii, "rows");
        if (level == 2) {
            first = read;
            continue;
        }
        for (int64_t i = 0; i < count; i++) {
            check(read.filled[i] == measured[i] && read.nulls[i] == first.nulls[i], "a column");
            check(!memcmp(read.offsets[i], first.offsets[i], 4 * (uint64_t)(rows + 1)), "offsets");
            check(!memcmp(read.cells[i], first.cells[i], (uint64_t)measured[i]), "cells");
            check(!memcmp(read.validity[i], first.validity[i], (uint64_t)rows / 8), "validity");
        }
        free_read(&read, count);
    }
    if (rows > 0 && count) { /* too little room is found out */
        int64_t i = (int64_t)draw((uint64_t)count), fewer = (int64_t)draw(2);
        int64_t cut = 1 + (int64_t)draw((uint64_t)sizes[i]);
        sizes[i] -= fewer ? 0 : cut;
        first.cells[i] = realloc(first.cells[i], (uint64_t)sizes[i] + !sizes[i]);
        int64_t found = headrace_csv_read(
            data, size, delimiter, quote, 0xFF, columns, wanted, count, first.offsets, first.cells,
            first.validity, sizes, few, first.nulls, rows - fewer, ends, &is_ascii);
        check(found == -2, "too little room");
    }
    free_read(&first, rows > 0 ? count : 0);
    free(ends);
}

static void fuzz_csv(void) {
    static const char letters[] = "ab,,\n\r\"\\\0xyz";
    int64_t columns = 1 + (int64_t)draw(6), size;
    uint8_t *data;
    if (draw(3)) { /* regular rows, but perhaps for one byte */
        int64_t rows = 1 + (int64_t)draw(60), most = rows * columns * 41;
        data = malloc((uint64_t)most);
        size = 0;
        for (int64_t row = 0; row < rows; row++) {
            for (int64_t column = 0; column < columns; column++) {
                for (uint64_t left = draw(draw(4) ? 6 : 40); left; left--) {
                    data[size++] = 'x';
                }
                data[size++] = column + 1 < columns ? ',' : '\n';
            }
        }
        size -= (int64_t)draw(2);
        if (!draw(3)) {
            data[draw((uint64_t)size + 1) % (uint64_t)(size ? size : 1)] = (uint8_t)draw(256);
        }
    } else {
        size = (int64_t)draw(300);
        data = malloc((uint64_t)size + 1);
        for (int64_t i = 0; i < size; i++) {
            data[i] = (uint8_t)letters[draw(sizeof letters - 1)];
        }
    }
    uint8_t *exact = room((uint64_t)size);
    memcpy(exact, data, (uint64_t)size);
    read_csv(exact, size, columns, ',', draw(2) ? '"' : 0xFF);
    free(exact);
    free(data);
}

static void fuzz_groups(void) {
    int64_t rows = (int64_t)draw(draw(3) ? 40 : 3000), slots = 2;
    uint64_t distinct = 1 + draw(draw(2) ? 5 : 4000);
    uint64_t *keys = room(8 * (uint64_t)rows);
    for (int64_t i = 0; i < rows; i++) {
        keys[i] = draw(distinct) << draw(2) * 40;
    }
    while (slots < 2 * rows) {
        slots *= 2;
    }
    int32_t *codes = room(4 * (uint64_t)rows), *first = room(4 * (uint64_t)rows);
    uint32_t *table = room(4 * (uint64_t)slots);
    int64_t count = headrace_group(keys, rows, codes, first, table, slots);
    for (int64_t i = 0; i < rows; i++) {
        check(keys[first[codes[i]]] == keys[i], "group");
    }
    int64_t *sums = room(8 * (uint64_t)count);
    memset(sums, 0, 8 * (uint64_t)count);
    check(!headrace_add_up(codes, (int64_t *)keys, rows, count, sums), "add_up");
    check(!rows || headrace_add_up(codes, (int64_t *)keys, rows, count - 1, sums) == -1, "beyond");
    double *numbers = room(8 * (uint64_t)rows);
    int64_t *of_numbers = calloc((uint64_t)count + 1, 8), *whole = calloc((uint64_t)count + 1, 8);
    int64_t numbers_sum = 0, rows_sum = 0;
    for (int64_t row = 0; row < rows; row++) {
        int32_t number = (int32_t)draw(1ull << 32);
        numbers[row] = number == INT32_MIN ? 0 : number;
        numbers_sum += (int64_t)numbers[row];
    }
    check(!headrace_whole_sums(codes, numbers, rows, count, of_numbers, whole), "whole sums");
    for (int64_t i = 0; i < count; i++) {
        numbers_sum -= whole[i], rows_sum += of_numbers[i];
    }
    check(!numbers_sum && rows_sum == rows, "whole sums of all groups");
    if (rows) {
        static const double others[] = {0.5, 2147483648.0, -2147483648.0, 1e300, __builtin_nan("")};
        numbers[draw((uint64_t)rows)] = others[draw(5)];
        check(headrace_whole_sums(codes, numbers, rows, count, of_numbers, whole) == -1, "numbers");
    }
    free(numbers), free(of_numbers), free(whole);
    uint64_t *known = room(8 * (uint64_t)count);
    for (int64_t i = 0; i < count; i++) {
        known[i] = keys[first[i]];
    }
    int64_t *places = room(8 * (uint64_t)rows);
    headrace_index(known, count, table, slots);
    headrace_find(known, table, slots, keys, rows, places);
    for (int64_t i = 0; i < rows; i++) {
        check(places[i] == codes[i], "find");
    }
    headrace_index(known, count / 2, table, slots);
    headrace_find(known, table, slots, keys, rows, places);
    for (int64_t i = 0; i < rows; i++) {
        check(places[i] == (codes[i] < count / 2 ? codes[i] : -1), "find nothing");
    }
    uint64_t *seen = room(8 * (uint64_t)count);
    int64_t *ones = room(8 * (uint64_t)rows), *tallied = room(8 * (uint64_t)count);
    int32_t *added = room(4 * (uint64_t)rows);
    for (int64_t i = 0; i < rows; i++) {
        ones[i] = 1;
    }
    headrace_index(seen, 0, table, slots);
    int64_t half = rows / 2, left = rows;
    int64_t of_half = headrace_tally(seen, tallied, 0, table, slots, keys, ones, half, added);
    int64_t others = headrace_tally(seen, tallied, of_half, table, slots, keys + half, ones + half,
                                    rows - half, added);
    check(of_half + others == count, "tally");
    for (int64_t i = 0; i < count; i++) {
        check(seen[i] == known[i], "keys in their order");
        left -= tallied[i];
    }
    check(!left, "sums of all keys");
    free(seen), free(ones), free(tallied), free(added);
    uint64_t *sorted = room(8 * (uint64_t)rows), *spare = room(8 * (uint64_t)rows);
    int32_t *order = room(4 * (uint64_t)rows), *spare_order = room(4 * (uint64_t)rows);
    for (int64_t i = 0; i < rows; i++) {
        sorted[i] = keys[i];
        order[i] = (int32_t)i;
    }
    headrace_sort(sorted, order, rows, spare, spare_order);
    for (int64_t i = 0; i < rows; i++) {
        check(sorted[i] == keys[order[i]], "order");
        check(!i || sorted[i - 1] < sorted[i] ||
                  (sorted[i - 1] == sorted[i] && order[i - 1] < order[i]),
              "ascending");
    }
    uint64_t *digests = room(8 * (uint64_t)rows);
    int64_t ends[] = {rows / 3, rows / 3, rows};
    headrace_digest_numbers(keys, ends, keys, rows < 3 ? 0 : 3, digests);
    free(keys), free(codes), free(first), free(table), free(sums), free(known);
    free(places), free(digests), free(sorted), free(spare), free(order), free(spare_order);
}

static void fuzz_lines(void) {
    int64_t columns = 1 + (int64_t)draw(4), rows = (int64_t)draw(30);
    const int32_t *codes[4];
    const void *offsets[4];
    const uint8_t *data[4];
    uint8_t wide[4];
    int64_t counts[4], sizes[4];
    for (int64_t i = 0; i < columns; i++) {
        int has_codes = (int)draw(2);
        wide[i] = (uint8_t)draw(2);
        counts[i] = has_codes ? 1 + (int64_t)draw(9) : rows;
        uint64_t texts = (uint64_t)(counts[i] + 1);
        int64_t *starts = room(8 * texts), longest = draw(3) ? 9 : 60;
        starts[0] = (int64_t)draw(5);
        for (int64_t text = 0; text < counts[i]; text++) {
            starts[text + 1] = starts[text] + (int64_t)draw((uint64_t)longest);
        }
        sizes[i] = starts[counts[i]] + (int64_t)draw(2) * 40;
        int32_t *each = room(4 * (uint64_t)rows), *narrow = room(4 * texts);
        for (int64_t row = 0; row < rows; row++) {
            each[row] = (int32_t)draw((uint64_t)counts[i] + 1) - 1;
        }
        for (int64_t text = 0; text <= counts[i]; text++) {
            narrow[text] = (int32_t)starts[text];
        }
        codes[i] = has_codes ? each : 0;
        if (!has_codes) {
            free(each);
        }
        offsets[i] = wide[i] ? (void *)starts : narrow;
        data[i] = room((uint64_t)sizes[i]);
        int64_t bits = (int64_t)draw(9);
        uint8_t *validity = room((uint64_t)(counts[i] + bits + 7) / 8);
        headrace_csv_plain(offsets[i], wide[i], data[i], counts[i], validity, bits);
        headrace_csv_plain(offsets[i], wide[i], data[i], counts[i], 0, 0);
        free(validity), free(wide[i] ? (void *)narrow : starts);
    }
    int64_t size = headrace_csv_size(codes, offsets, wide, counts, columns, rows);
    int64_t slack = (int64_t)draw(2) * 32;
    uint8_t *lines = room((uint64_t)(size + slack));
    check(headrace_csv_lines(codes, offsets, wide, data, sizes, columns, rows, lines,
                             size + slack) == size, "bytes of lines");
    check(!rows || lines[size - 1] == '\n', "line end");
    for (int64_t i = 0; i < columns; i++) {
        free((void *)codes[i]), free((void *)offsets[i]), free((void *)data[i]);
    }
    free(lines);
}

static int64_t code_of(const void *codes, int64_t size, int64_t row) {
    return size == 1   ? ((const uint8_t *)codes)[row]
           : size == 2 ? ((const uint16_t *)codes)[row]
           : size == 4 ? ((const int32_t *)codes)[row]
                       : row;
}

static void put_code(void *codes, int64_t size, int64_t row, int64_t code) {
    memcpy((uint8_t *)codes + size * row, &code, (size_t)size);
}

static void fuzz_cells(void) {
    enum { COLUMNS = 3 };
    const void *codes[COLUMNS], *values[COLUMNS];
    int64_t counts[COLUMNS], rows = (int64_t)draw(1500), columns = (int64_t)draw(COLUMNS + 1);
    int64_t sizes[COLUMNS], size = draw(2) ? 4 : 8;
    for (int64_t i = 0; i < columns; i++) {
        sizes[i] = (int64_t)(1 << draw(4)) & 7;
        counts[i] = sizes[i] ? 1 + (int64_t)draw(9) : rows;
        void *each = room((uint64_t)(sizes[i] * rows));
        for (int64_t row = 0; sizes[i] && row < rows; row++) {
            put_code(each, sizes[i], row, (int64_t)draw((uint64_t)counts[i]));
        }
        codes[i] = each;
        values[i] = room(8 * (uint64_t)counts[i]);
    }
    uint8_t *matrix = room((uint64_t)(size * rows * columns));
    uint64_t *sums = room(8 * (uint64_t)rows);
    memset(sums, 0, 8 * (size_t)rows);
    int64_t half = rows / 2;
    check(!headrace_side_by_side(codes, sizes, values, counts, columns, 0, half, size, matrix) &&
              !headrace_side_by_side(codes, sizes, values, counts, columns, half, rows, size,
                                     matrix + size * half * columns), "matrix");
    check(!headrace_add_cells(codes, sizes, (const uint64_t *const *)values, counts, columns, rows,
                              sums), "sums");
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < columns; i++) {
            int64_t chosen = code_of(codes[i], sizes[i], row);
            check(!memcmp(matrix + size * (row * columns + i),
                          (const uint8_t *)values[i] + size * chosen, (size_t)size), "cell");
            sums[row] -= ((const uint64_t *)values[i])[chosen];
        }
        check(!sums[row], "sum");
    }
    for (int64_t i = 0; rows && i < columns; i++) {
        counts[i]--;
        put_code((void *)codes[i], sizes[i], (int64_t)draw((uint64_t)rows),
                 draw(2) ? -1 : counts[i]);
        check(headrace_side_by_side(codes, sizes, values, counts, columns, 0, rows, size,
                                    matrix) == -1, "no such value");
        check(headrace_add_cells(codes, sizes, (const uint64_t *const *)values, counts, columns,
                                 rows, sums) == -1, "no such cell");
    }
    for (int64_t i = 0; i < columns; i++) {
        free((void *)codes[i]), free((void *)values[i]);
    }
    free(matrix), free(sums);
}

static void fuzz_order(void) {
    Column column = drawn_column();
    uint64_t rows = (uint64_t)column.rows, bytes = (uint64_t)(column.size - column.offsets[0]);
    int8_t *numbers = room(rows);
    for (uint64_t row = 0; row < rows; row++) {
        numbers[row] = (int8_t)(draw(2) ? draw(3) : draw(256));
    }
    int32_t *order = room(4 * rows), *ends = room(4 * (rows + 1));
    headrace_order(numbers, column.rows, order);
    uint8_t *cells[4], *taken[4], *texts = room(bytes);
    int64_t sizes[] = {1, 2, 4, 8};
    for (int i = 0; i < 4; i++) {
        cells[i] = room(rows * (uint64_t)sizes[i]);
        taken[i] = room(rows * (uint64_t)sizes[i]);
    }
    memcpy(cells[0], numbers, rows);
    check(!headrace_take(order, column.rows, column.rows, 4, (const void *const *)cells, sizes,
                         (void *const *)taken),
          "rows");
    check(!headrace_take_texts(column.offsets, column.data, column.rows, order, column.rows, ends,
                               texts, (int64_t)bytes),
          "texts");
    for (uint64_t row = 1; row < rows; row++) {
        check(((int8_t *)taken[0])[row - 1] <= ((int8_t *)taken[0])[row], "order");
    }
    check(ends[rows] == (int32_t)bytes, "bytes of texts");
    uint64_t *begins = room(8 * rows);
    headrace_begins(column.offsets, column.data, column.rows, begins);
    for (uint64_t row = 0; row < rows; row++) {
        int32_t start = column.offsets[row], size = column.offsets[row + 1] - start;
        uint64_t first = size ? column.data[start] : 0;
        check(begins[row] >> 56 == first, "first byte");
    }
    free(begins);
    if (rows) { /* what does not fit is found out */
        check(!bytes || headrace_take_texts(column.offsets, column.data, column.rows, order,
                                            column.rows, ends, texts, (int64_t)bytes - 1) == -1,
              "too little room");
        order[rows - 1] = draw(2) ? (int32_t)rows : -1;
        check(headrace_take(order, column.rows, column.rows, 4, 0, 0, 0) == -1, "no such row");
        check(headrace_take_texts(column.offsets, column.data, column.rows, order, column.rows, 0,
                                  0, 0) == -1,
              "no such text");
    }
    for (int i = 0; i < 4; i++) {
        free(cells[i]), free(taken[i]);
    }
    void *all[] = {numbers, order, ends, texts, column.offsets, column.data, column.validity};
    for (uint64_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

static void fuzz_decimals(void) {
    int64_t rows = (int64_t)draw(20);
    uint64_t *numbers = room(8 * (uint64_t)rows);
    for (int64_t row = 0; row < rows; row++) {
        uint64_t power = draw(60) ? 1023 - 36 + draw(36 + 53) : draw(2048);
        numbers[row] = draw(2) << 63 | power << 52 | (draw((uint64_t)1 << 52) << draw(52)) >> 12;
        numbers[row] = draw(9) ? numbers[row] : draw(2) << 63;
    }
    int32_t *offsets = room(4 * (uint64_t)(rows + 1));
    uint8_t *texts = room(32 * (uint64_t)(rows + 1));
    int64_t size = headrace_decimals(numbers, rows, offsets, texts);
    for (int64_t row = 0; row < rows && size >= 0; row++) {
        char text[32] = {0};
        memcpy(text, texts + offsets[row], (uint64_t)(offsets[row + 1] - offsets[row]));
        double number = strtod(text, 0);
        check(!memcmp(&number, numbers + row, 8), "decimals");
    }
    for (int64_t row = 0; row < rows; row++) {
        numbers[row] = draw(100000000000000000) / (draw(2) ? 1 : draw(100000000000) + 1);
        numbers[row] = draw(3) ? numbers[row] : -numbers[row];
    }
    headrace_integers((int64_t *)numbers, rows, offsets, texts);
    for (int64_t row = 0; row < rows; row++) {
        char text[32] = {0}, expected[32];
        memcpy(text, texts + offsets[row], (uint64_t)(offsets[row + 1] - offsets[row]));
        snprintf(expected, sizeof expected, "%lld", (long long)numbers[row]);
        check(!strcmp(text, expected), "integers");
    }
    if (rows) {
        numbers[draw((uint64_t)rows)] = draw(2) ? 100000000000000000 : (uint64_t)INT64_MIN;
        check(headrace_integers((int64_t *)numbers, rows, offsets, texts) == -1, "too long");
    }
    free(numbers), free(offsets), free(texts);
}

static void read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    check(file != 0, path);
    fseek(file, 0, SEEK_END);
    int64_t size = ftell(file);
    uint8_t *data = room((uint64_t)size);
    rewind(file);
    check(fread(data, 1, (uint64_t)size, file) == (uint64_t)size, path);
    fclose(file);
    for (int64_t columns = 1; columns < 40; columns++) {
        read_csv(data, size, columns, columns & 1 ? ',' : '\t', '"');
    }
    free(data);
}

int main(int count, char **words) {
    check(count >= 3, "usage: fuzz SEED ROUNDS [FILE ...]");
    state = strtoull(words[1], 0, 10);
    for (int i = 3; i < count; i++) {
        read_file(words[i]);
    }
    for (uint64_t left = strtoull(words[2], 0, 10); left; left--) {
        fuzz_text();
        fuzz_bytes();
        fuzz_rows();
        fuzz_csv();
        fuzz_groups();
        fuzz_lines();
        fuzz_order();
        fuzz_cells();
        fuzz_decimals();
    }
    printf("nothing found\n");
    return 0;
}
