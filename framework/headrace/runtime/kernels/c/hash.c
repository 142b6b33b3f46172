/* MurmurHash3 x86 32-bit, xxHash 32-bit and the 64-bit hash of docs/files.md, over columns of text.
 *
 * A token is a prefix, the same for a whole column, and a text. MurmurHash3 goes over the prefix
 * once. Sources: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp,
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
#include "processor.h"
#include "text.h"

/* How far MurmurHash3 is: up to three bytes wait for their word to be whole. */
typedef struct {
    uint32_t state;
    uint64_t waiting;
    int bytes;
} Murmur;

static inline uint32_t scrambled(uint32_t word) {
    return rotated(word * 0xCC9E2D51u, 15) * 0x1B873593u;
}

static inline uint32_t stepped(uint32_t state, uint32_t word) {
    return rotated(state ^ scrambled(word), 13) * 5 + 0xE6546B64u;
}

static inline Murmur murmur_over(Murmur murmur, const uint8_t *text, int64_t size) {
    int bits = 8 * murmur.bytes;
    for (; size >= 4; text += 4, size -= 4) {
        murmur.waiting |= (uint64_t)word32(text) << bits;
        murmur.state = stepped(murmur.state, (uint32_t)murmur.waiting);
        murmur.waiting >>= 32;
    }
    for (; size > 0; text++, size--) {
        murmur.waiting |= (uint64_t)*text << 8 * murmur.bytes;
        murmur.bytes++;
    }
    if (murmur.bytes >= 4) {
        murmur.state = stepped(murmur.state, (uint32_t)murmur.waiting);
        murmur.waiting >>= 32;
        murmur.bytes -= 4;
    }
    return murmur;
}

static inline uint32_t finished(uint32_t state, uint32_t tail, uint32_t size) {
    state ^= scrambled(tail) ^ size;
    state = (state ^ state >> 16) * 0x85EBCA6Bu;
    state = (state ^ state >> 13) * 0xC2B2AE35u;
    return state ^ state >> 16;
}

#define TEXTS 64 /* short ones, hashed at once */

/* Texts of up to eight bytes, as two words each, and how many bytes each has. */
typedef struct {
    uint32_t first[TEXTS], second[TEXTS], sizes[TEXTS];
} Short;

/* Take texts; returns whether all are short, and none is one of the last. */
static inline int take_short(const int32_t *offsets, const uint8_t *data, int64_t count,
                             int64_t end, Short *texts) {
    int is_long = end - offsets[count] < 8; /* eight bytes of each are read */
    for (int64_t i = 0; i < count && !is_long; i++) {
        int64_t size = offsets[i + 1] - offsets[i];
        uint64_t word = first_word(data + offsets[i], size, 8);
        is_long = size > 8;
        texts->first[i] = (uint32_t)word;
        texts->second[i] = (uint32_t)(word >> 32);
        texts->sizes[i] = (uint32_t)size;
    }
    return !is_long;
}

/* Hash short texts behind a prefix. There is no branch, so compilers hash several at once. */
INLINE void murmur_short(const Short *restrict texts, Murmur start, uint32_t prefix_size,
                         uint32_t *restrict hashes) {
    const int shift = 8 * start.bytes, back = 31 - shift;
    const uint32_t waiting = (uint32_t)start.waiting, bytes = (uint32_t)start.bytes;
    for (int i = 0; i < TEXTS; i++) {
        uint32_t first = texts->first[i], second = texts->second[i];
        uint32_t words[] = {waiting | first << shift, second << shift | first >> 1 >> back,
                            second >> 1 >> back};
        uint32_t once = stepped(start.state, words[0]), twice = stepped(once, words[1]);
        uint32_t size = bytes + texts->sizes[i];
        uint32_t state = size >= 8 ? twice : size >= 4 ? once : start.state;
        uint32_t tail = size >= 8 ? words[2] : size >= 4 ? words[1] : words[0];
        hashes[i] = finished(state, tail, prefix_size + texts->sizes[i]);
    }
}

typedef void Hasher(const Short *, Murmur, uint32_t, uint32_t *);

static void murmur_short_baseline(const Short *texts, Murmur start, uint32_t prefix_size,
                                  uint32_t *hashes) {
    murmur_short(texts, start, prefix_size, hashes);
}

#if HAS_LEVELS
AVX2_TOO static void murmur_short_avx2(const Short *texts, Murmur start, uint32_t prefix_size,
                                       uint32_t *hashes) {
    murmur_short(texts, start, prefix_size, hashes);
}
#else
#define murmur_short_avx2 murmur_short_baseline
#endif

#define P1 0x9E3779B1u
#define P2 0x85EBCA77u
#define P3 0xC2B2AE3Du
#define P4 0x27D4EB2Fu
#define P5 0x165667B1u

typedef struct {
    const uint8_t *prefix, *text;
    int64_t prefix_size, size; /* the second counts both */
} Token;

static inline void token_bytes(Token token, int64_t from, int64_t count, uint8_t *to) {
    int64_t of_prefix = token.prefix_size - from;
    of_prefix = of_prefix < 0 ? 0 : of_prefix > count ? count : of_prefix;
    if (of_prefix) {
        memcpy(to, token.prefix + from, (uint64_t)of_prefix);
    }
    if (count > of_prefix) {
        from += of_prefix - token.prefix_size;
        memcpy(to + of_prefix, token.text + from, (uint64_t)(count - of_prefix));
    }
}

static uint32_t xxhash(Token token, uint32_t seed) {
    uint32_t lanes[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
    uint8_t bytes[16];
    int64_t at = 0;
    for (; token.size - at >= 16; at += 16) {
        token_bytes(token, at, 16, bytes);
        for (int lane = 0; lane < 4; lane++) {
            lanes[lane] = rotated(lanes[lane] + word32(bytes + 4 * lane) * P2, 13) * P1;
        }
    }
    uint32_t state = at ? rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) +
                              rotated(lanes[3], 18)
                        : seed + P5;
    state += (uint32_t)token.size;
    for (; token.size - at >= 4; at += 4) {
        token_bytes(token, at, 4, bytes);
        state = rotated(state + word32(bytes) * P3, 17) * P4;
    }
    for (; at < token.size; at++) {
        token_bytes(token, at, 1, bytes);
        state = rotated(state + bytes[0] * P5, 11) * P1;
    }
    state = (state ^ state >> 15) * P2;
    state = (state ^ state >> 13) * P3;
    return state ^ state >> 16;
}

/* MurmurHash3 of up to `TEXTS` texts, and of the same from another start if there is one. */
static void murmur_texts(const int32_t *offsets, const uint8_t *data, int64_t count, int64_t end,
                         Murmur start, int64_t prefix_size, uint32_t *hashes, const Murmur *other,
                         uint32_t *others) {
    Hasher *hasher = processor_level() >= AVX2 ? murmur_short_avx2 : murmur_short_baseline;
    Short texts;
    if (count == TEXTS && take_short(offsets, data, count, end, &texts)) {
        hasher(&texts, start, (uint32_t)prefix_size, hashes);
        if (other) {
            hasher(&texts, *other, (uint32_t)prefix_size, others);
        }
        return;
    }
    for (int64_t row = 0; row < count; row++) {
        int64_t size = offsets[row + 1] - offsets[row];
        uint32_t all = (uint32_t)(prefix_size + size);
        Murmur murmur = murmur_over(start, data + offsets[row], size);
        hashes[row] = finished(murmur.state, (uint32_t)murmur.waiting, all);
        if (other) {
            murmur = murmur_over(*other, data + offsets[row], size);
            others[row] = finished(murmur.state, (uint32_t)murmur.waiting, all);
        }
    }
}

void headrace_hash32(const int32_t *offsets, const uint8_t *data, int64_t rows,
                     const uint8_t *prefix, int64_t prefix_size, int32_t function, uint32_t seed,
                     uint32_t *hashes) {
    if (function == XXH32) {
        for (int64_t row = 0; row < rows; row++) {
            int64_t size = offsets[row + 1] - offsets[row];
            Token token = {prefix, data + offsets[row], prefix_size, prefix_size + size};
            hashes[row] = xxhash(token, seed);
        }
        return;
    }
    Murmur start = murmur_over((Murmur){seed, 0, 0}, prefix, prefix_size);
    for (int64_t first = 0; first < rows; first += TEXTS) {
        int64_t count = rows - first < TEXTS ? rows - first : TEXTS;
        murmur_texts(offsets + first, data, count, offsets[rows], start, prefix_size,
                     hashes + first, 0, 0);
    }
}

/* The same, and 64 bits by which texts are told apart: above the hash, below it MurmurHash3 with
 * another seed. */
void headrace_tokens(const int32_t *offsets, const uint8_t *data, int64_t rows,
                     const uint8_t *prefix, int64_t prefix_size, int32_t function, uint32_t seed,
                     uint32_t mark_seed, uint32_t *hashes, uint64_t *prints) {
    Murmur start = murmur_over((Murmur){seed, 0, 0}, prefix, prefix_size);
    Murmur mark_start = murmur_over((Murmur){mark_seed, 0, 0}, prefix, prefix_size);
    if (function == XXH32) {
        headrace_hash32(offsets, data, rows, prefix, prefix_size, function, seed, hashes);
    }
    for (int64_t first = 0; first < rows; first += TEXTS) {
        int64_t count = rows - first < TEXTS ? rows - first : TEXTS;
        uint32_t marks[TEXTS];
        murmur_texts(offsets + first, data, count, offsets[rows], mark_start, prefix_size, marks,
                     function == XXH32 ? 0 : &start, hashes + first);
        for (int64_t i = 0; i < count; i++) {
            prints[first + i] = (uint64_t)hashes[first + i] << 32 | marks[i];
        }
    }
}

/* The same of all cells of some columns, column by column, each column with a prefix of its own. */
void headrace_hash_cells(const int32_t *offsets, const uint8_t *data, int64_t columns, int64_t rows,
                         const int32_t *prefix_offsets, const uint8_t *prefixes, int32_t function,
                         uint32_t seed, uint32_t *hashes) {
    for (int64_t column = 0; column < columns; column++) {
        const uint8_t *prefix = prefixes + prefix_offsets[column];
        int64_t size = prefix_offsets[column + 1] - prefix_offsets[column], first = column * rows;
        headrace_hash32(offsets + first, data, rows, prefix, size, function, seed, hashes + first);
    }
}

void headrace_hash64(const int32_t *offsets, const uint8_t *data, int64_t rows, uint64_t key,
                     uint64_t *hashes) {
    for (int64_t row = 0; row < rows; row++) {
        int64_t size = offsets[row + 1] - offsets[row], room = offsets[rows] - offsets[row];
        const uint8_t *text = data + offsets[row];
        uint64_t state = mix64(first_word(text, size, room) * GAMMA + (uint64_t)size + key);
        for (int64_t at = 8; at < size; at += 8) {
            state = mix64(state + first_word(text + at, size - at, room - at) * GAMMA);
        }
        hashes[row] = state;
    }
}

/* The keys of hashes, ``index << 1 | negative``, as headrace.runtime.hashing.keys makes them. The
 * remainder is found without dividing: D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct
 * computation", Software: Practice and Experience 49, 2019. */
void headrace_signed_keys(const uint32_t *hashes, int64_t count, uint32_t n_features,
                          int32_t alternate_sign, uint32_t *keys) {
    const uint64_t inverse = ~(uint64_t)0 / n_features + 1; /* 0 for a single feature */
    const uint32_t signs = alternate_sign ? 1 : 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t sign = hashes[i] >> 31, size = (hashes[i] ^ -sign) + sign;
        uint64_t part = inverse * size;
        uint32_t index = (uint32_t)((unsigned __int128)part * n_features >> 64);
        keys[i] = index << 1 | (sign & signs);
    }
}
