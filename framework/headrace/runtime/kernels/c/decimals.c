/* Numbers as decimal text: the fewest digits that read back as the number, the nearest if there are
 * several such, without an exponent.
 *
 * Source: R. Giulietti, The Schubfach way to render doubles, 2021. Of the numbers that are written
 * here, the powers of ten that it needs are those whose 5**n has 64 bits, so that all is exact. */
#include "text.h"

enum {
    FRACTION_BITS = 52,
    BIAS = 1023,
    LEAST_EXPONENT = -36, /* 1.4e-11: ten zeros behind the point */
    POWERS = 28,
    DIGITS = 17,
    LONGEST = 32
};

/* The eight digits of a number below 10**8, the first one in the lowest byte.
 * Source: P. Khuong, "How to print integers really fast", https://pvk.ca/Blog/2017/12/22/ */
static inline uint64_t eight_digits(uint64_t number) {
    uint64_t fours = number / 10000 | number % 10000 << 32;
    uint64_t hundreds = fours * 10486 >> 20 & 0x7F0000007Fu;
    uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = pairs * 103 >> 10 & 0x000F000F000F000Fu;
    return (tens | (pairs - tens * 10) << 8) + 0x3030303030303030u;
}

/* Write 17 digits, zeros first, and return how many there are without these; zero has one. */
static inline int64_t digits_of(uint64_t number, uint8_t *to) {
    uint64_t upper = number / 100000000, first = upper / 100000000;
    uint64_t eights[2] = {eight_digits(upper % 100000000), eight_digits(number % 100000000)};
    to[0] = (uint8_t)('0' + first);
    memcpy(to + 1, eights, sizeof eights);
    if (first) {
        return DIGITS;
    }
    uint64_t high = eights[0] - 0x3030303030303030u, low = eights[1] - 0x3030303030303030u;
    if (high) {
        return 16 - (__builtin_ctzll(high) >> 3);
    }
    return low ? 8 - (__builtin_ctzll(low) >> 3) : 1;
}

/* The part of 64 bits above the lowest 64 of a product, its last bit set if any of those is. */
static inline uint64_t rounded_to_odd(uint64_t power, uint64_t number) {
    unsigned __int128 product = (unsigned __int128)power * number;
    return (uint64_t)(product >> 64) | ((uint64_t)product != 0);
}

/* The shortest digits of fraction * 2**exponent, which is no integer; `*tens` is their exponent. */
static inline uint64_t shortest(uint64_t fraction, int64_t exponent, const uint64_t *powers,
                                int64_t *tens) {
    /* Half of the way to the next lower number is shorter where that has another exponent. */
    uint64_t is_closer = fraction == (uint64_t)1 << FRACTION_BITS, is_odd = fraction & 1;
    int64_t k = (exponent * 1262611 - (is_closer ? 524031 : 0)) >> 22; /* log10 */
    int64_t shift = exponent + (-k * 1741647 >> 19) + 1;               /* log2(10**-k) */
    uint64_t power = powers[-k];
    uint64_t lower = rounded_to_odd(power, (4 * fraction - 2 + is_closer) << shift) + is_odd;
    uint64_t middle = rounded_to_odd(power, 4 * fraction << shift);
    uint64_t upper = rounded_to_odd(power, (4 * fraction + 2) << shift) - is_odd;
    uint64_t digits = middle / 4, fewer = digits / 10;
    int fits = lower <= 40 * fewer, next_fits = 40 * fewer + 40 <= upper;
    if (fits != next_fits) {
        *tens = k + 1;
        return fewer + (uint64_t)next_fits;
    }
    *tens = k;
    fits = lower <= 4 * digits, next_fits = 4 * digits + 4 <= upper;
    if (fits != next_fits) {
        return digits + (uint64_t)next_fits;
    }
    uint64_t half = 4 * digits + 2;
    return digits + (middle > half || (middle == half && digits & 1));
}

/* Write a number that is no integer, `count` digits with the point before the last -tens of them. */
static inline int64_t write_digits(const uint8_t *digits, int64_t count, int64_t tens, uint8_t *to) {
    int64_t whole = count + tens;
    if (whole > 0) {
        copy_16(to, digits);
        to[whole] = '.';
        copy_16(to + whole + 1, digits + whole);
        return count + 1;
    }
    copy_16(to, (const uint8_t *)"0.00000000000000");
    copy_16(to + 2 - whole, digits);
    to[2 - whole + 16] = digits[16];
    return 2 - whole + count;
}

/* Write the text of each number, and where each begins and the last ends. `texts` has room for 32
 * bytes for each number and 32 more. Returns the bytes; -1 if a number is none, or has 2**53 or more
 * or so little that it is left to others. */
int64_t headrace_decimals(const uint64_t *numbers, int64_t rows, int32_t *offsets, uint8_t *texts) {
    uint64_t powers[POWERS], five = 1;
    for (int64_t i = 0; i < POWERS; i++, five *= 5) {
        powers[i] = five << __builtin_clzll(five);
    }
    int64_t at = 0;
    uint8_t digits[DIGITS + LONGEST] = {0};
    for (int64_t row = 0; row < rows; row++) {
        uint64_t bits = numbers[row], one = (uint64_t)1 << FRACTION_BITS;
        int64_t exponent = (int64_t)(bits >> FRACTION_BITS & 2047) - BIAS;
        uint64_t fraction = (bits & (one - 1)) | one;
        offsets[row] = (int32_t)at;
        texts[at] = '-';
        at += (int64_t)(bits >> 63);
        if (!(bits << 1)) {
            texts[at++] = '0';
            continue;
        }
        if (exponent < LEAST_EXPONENT || exponent > FRACTION_BITS) {
            return -1;
        }
        int64_t behind = FRACTION_BITS - exponent; /* bits behind the point */
        if (behind <= FRACTION_BITS && !(fraction & (((uint64_t)1 << behind) - 1))) {
            int64_t count = digits_of(fraction >> behind, digits);
            copy_16(texts + at, digits + DIGITS - count);
            at += count;
            continue;
        }
        int64_t tens;
        uint64_t number = shortest(fraction, -behind, powers, &tens);
        if (number % 100000000 == 0) {
            number /= 100000000;
            tens += 8;
        }
        while (number % 10 == 0) {
            number /= 10;
            tens += 1;
        }
        int64_t count = digits_of(number, digits);
        at += write_digits(digits + DIGITS - count, count, tens, texts + at);
    }
    offsets[rows] = (int32_t)at;
    return at;
}

/* Write the text of each integer in the same way. `texts` has room for 32 bytes for each number and 32
 * more. Returns the bytes; -1 if a number has more than 17 digits. */
int64_t headrace_integers(const int64_t *numbers, int64_t rows, int32_t *offsets, uint8_t *texts) {
    int64_t at = 0;
    uint8_t digits[DIGITS + LONGEST] = {0};
    for (int64_t row = 0; row < rows; row++) {
        uint64_t number = (uint64_t)numbers[row];
        offsets[row] = (int32_t)at;
        if (number < 100000000) {
            uint64_t eight = eight_digits(number), zeros = eight - 0x3030303030303030u;
            int missing = __builtin_ctzll(zeros | (uint64_t)1 << 56) & 56;
            eight >>= missing;
            memcpy(texts + at, &eight, sizeof eight);
            at += 8 - missing / 8;
            continue;
        }
        texts[at] = '-';
        at += (int64_t)(number >> 63);
        number = number >> 63 ? -number : number;
        if (number >= 100000000000000000) {
            return -1;
        }
        int64_t count = digits_of(number, digits);
        copy_16(texts + at, digits + DIGITS - count);
        copy_16(texts + at + 16, digits + DIGITS - count + 16);
        at += count;
    }
    offsets[rows] = (int32_t)at;
    return at;
}
