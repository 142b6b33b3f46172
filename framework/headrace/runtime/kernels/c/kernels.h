/* Kernels of headrace's runtime: plain C11, a plain C interface, no memory of their own.
 *
 * Each function gets all buffers from its caller, with their sizes, and reads and writes nothing
 * beyond them. None needs anything of a C library but memcpy, memset and memcmp, which every
 * process has: the same file loads beside any version of glibc and beside musl.
 *
 * NumPy's and Arrow's way of doing the same thing is the reference; tests hold both together.
 */
#ifndef HEADRACE_KERNELS_H
#define HEADRACE_KERNELS_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words of text are read as little-endian numbers"
#endif

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

/* No header of a C library is needed either. */
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define memcmp __builtin_memcmp

enum { MURMUR3_32 = 0, XXH32 = 1 };

EXPORT int64_t headrace_level(int32_t most);

/* Arrow's strings: text i is data[offsets[i]] to data[offsets[i + 1]]; `size` bytes in all. */

EXPORT void headrace_hash32(const int32_t *offsets, const uint8_t *data, int64_t rows,
                            const uint8_t *prefix, int64_t prefix_size, int32_t function,
                            uint32_t seed, uint32_t *hashes);
EXPORT void headrace_tokens(const int32_t *offsets, const uint8_t *data, int64_t rows,
                            const uint8_t *prefix, int64_t prefix_size, int32_t function,
                            uint32_t seed, uint32_t mark_seed, uint32_t *hashes, uint64_t *prints);
EXPORT void headrace_hash_cells(const int32_t *offsets, const uint8_t *data, int64_t columns,
                                int64_t rows, const int32_t *prefix_offsets,
                                const uint8_t *prefixes, int32_t function, uint32_t seed,
                                uint32_t *hashes);
EXPORT void headrace_signed_keys(const uint32_t *hashes, int64_t count, uint32_t n_features,
                                 int32_t alternate_sign, uint32_t *keys);
EXPORT void headrace_hash64(const int32_t *offsets, const uint8_t *data, int64_t rows,
                            uint64_t key, uint64_t *hashes);
EXPORT int64_t headrace_encode(const int32_t *offsets, const uint8_t *data, const uint8_t *validity,
                               int64_t validity_offset, int64_t rows, int32_t *codes,
                               uint8_t *missing, int32_t *value_offsets, uint8_t *value_data,
                               int64_t *counts, uint64_t *marks, int32_t *slots,
                               int64_t slot_count);
EXPORT void headrace_sketch(const uint64_t *prints, const int64_t *counts, int64_t values,
                            int64_t width, int64_t *sketch);
EXPORT int64_t headrace_count(const int32_t *codes, const uint8_t *missing, const int32_t *groups,
                              int64_t group_count, int64_t rows, int64_t values, int64_t *counts);
EXPORT int64_t headrace_sparse(const int32_t *const *codes, const uint32_t *const *keys,
                               const int64_t *key_counts, const uint8_t *const *missing,
                               const int32_t *order, int64_t columns, int64_t rows,
                               int32_t *offsets, int32_t *indices, float *values);
EXPORT int64_t headrace_sparse_weighted(const int32_t *const *codes, const uint32_t *const *keys,
                                        const int64_t *key_counts, const uint8_t *const *missing,
                                        const double *const *weights, const int32_t *order,
                                        int64_t columns, int64_t rows, int32_t *offsets,
                                        int32_t *indices, double *values);
EXPORT int64_t headrace_sparse_keys(const uint32_t *keys, int64_t columns, int64_t rows,
                                    int32_t *offsets, int32_t *indices, float *values);
EXPORT int64_t headrace_digest(const int64_t *offsets, const uint32_t *indices, const void *values,
                               int32_t is_double, int64_t entries, int64_t rows,
                               const uint64_t *beside, uint64_t width, uint64_t *total);
EXPORT int64_t headrace_crc32(const uint8_t *data, int64_t size, uint32_t crc);
EXPORT void headrace_padded(const int32_t *offsets, const uint8_t *data, int64_t rows,
                            int64_t width, uint8_t *padded);
EXPORT int64_t headrace_lines(const int64_t *label_offsets, const uint8_t *labels,
                              const int64_t *offsets, const uint32_t *indices, const float *values,
                              int64_t entries, int64_t rows, uint8_t *lines);
EXPORT int64_t headrace_csv_read(const uint8_t *data, int64_t size, uint8_t delimiter,
                                 uint8_t quote, uint8_t escape, int64_t columns,
                                 const int64_t *wanted, int64_t wanted_count,
                                 int32_t *const *offsets, uint8_t *const *cells,
                                 uint8_t *const *validity, const int64_t *sizes, int64_t *filled,
                                 int64_t *nulls, int64_t room, uint32_t *ends, int32_t *is_ascii);
EXPORT int64_t headrace_group(const uint64_t *keys, int64_t rows, int32_t *codes, int32_t *first,
                              uint32_t *slots, int64_t slot_count);
EXPORT int64_t headrace_add_up(const int32_t *codes, const int64_t *numbers, int64_t rows,
                               int64_t groups, int64_t *sums);
EXPORT int64_t headrace_whole_sums(const int32_t *codes, const double *numbers, int64_t rows,
                                   int64_t groups, int64_t *counts, int64_t *sums);
EXPORT int64_t headrace_cross(const int32_t *codes, const uint8_t *missing, int64_t rows,
                              const int8_t *groups, int64_t group_count, const int64_t *of_values,
                              const int32_t *chosen, int64_t chosen_count, int64_t most,
                              const uint64_t *keys, int64_t values, const uint64_t *known,
                              int64_t known_count, int64_t *counts, int64_t *nulls);
EXPORT void headrace_index(const uint64_t *keys, int64_t rows, uint32_t *slots, int64_t slot_count);
EXPORT void headrace_find(const uint64_t *known, const uint32_t *slots, int64_t slot_count,
                          const uint64_t *keys, int64_t rows, int64_t *places);
EXPORT int64_t headrace_tally(uint64_t *known, int64_t *sums, int64_t count, uint32_t *slots,
                              int64_t slot_count, const uint64_t *keys, const int64_t *numbers,
                              int64_t rows, int32_t *added);
EXPORT void headrace_begins(const int32_t *offsets, const uint8_t *data, int64_t rows,
                            uint64_t *begins);
EXPORT void headrace_sort(uint64_t *keys, int32_t *order, int64_t rows, uint64_t *spare_keys,
                          int32_t *spare_order);
EXPORT int64_t headrace_csv_plain(const void *offsets, int32_t wide, const uint8_t *data,
                                  int64_t rows, const uint8_t *validity, int64_t validity_offset);
EXPORT int64_t headrace_csv_size(const int32_t *const *codes, const void *const *offsets,
                                 const uint8_t *wide, const int64_t *counts, int64_t columns,
                                 int64_t rows);
EXPORT int64_t headrace_csv_lines(const int32_t *const *codes, const void *const *offsets,
                                  const uint8_t *wide, const uint8_t *const *data,
                                  const int64_t *sizes, int64_t columns, int64_t rows,
                                  uint8_t *lines, int64_t room);
EXPORT int64_t headrace_decimals(const uint64_t *numbers, int64_t rows, int32_t *offsets,
                                 uint8_t *texts);
EXPORT int64_t headrace_integers(const int64_t *numbers, int64_t rows, int32_t *offsets,
                                 uint8_t *texts);
EXPORT void headrace_digest_numbers(const uint64_t *numbers, const int64_t *ends,
                                    const uint64_t *keys, int64_t columns, uint64_t *sums);
EXPORT int64_t headrace_side_by_side(const void *const *codes, const int64_t *sizes,
                                     const void *const *values, const int64_t *counts,
                                     int64_t columns, int64_t first, int64_t end, int64_t size,
                                     void *matrix);
EXPORT int64_t headrace_add_cells(const void *const *codes, const int64_t *sizes,
                                  const uint64_t *const *values, const int64_t *counts,
                                  int64_t columns, int64_t rows, uint64_t *sums);
EXPORT void headrace_order(const int8_t *numbers, int64_t rows, int32_t *order);
EXPORT int64_t headrace_take(const int32_t *order, int64_t rows, int64_t given, int64_t columns,
                             const void *const *from_each, const int64_t *sizes,
                             void *const *to_each);
EXPORT int64_t headrace_take_texts(const int32_t *offsets, const uint8_t *data, int64_t given,
                                   const int32_t *order, int64_t rows, int32_t *to_offsets,
                                   uint8_t *to_data, int64_t room);

#endif
