// Decimal digits -> the double nearest to them (D. Lemire, Number parsing at a gigabyte per second, Software: Practice and
// Experience 51, 2021), or the answer that 128 bits of the power of ten leave open which it is.
#pragma once

#include <cstdint>
#include <cstring>

namespace pml {

// Powers of five from 5^least_power to 5^most_power: the first 128 bits of each, cut off, as two words, the upper first.
struct PowersOfFive {
  static constexpr int least_power = -342, most_power = 308;
  const std::uint64_t* words;
};

// The product of two words as (upper, lower), by halves where the compiler has no longer words.
struct Words {
  std::uint64_t upper, lower;
};

inline Words product(std::uint64_t a, std::uint64_t b) {
#ifdef __SIZEOF_INT128__
  __extension__ using Long = unsigned __int128;
  const Long long_product = static_cast<Long>(a) * b;
  return {static_cast<std::uint64_t>(long_product >> 64), static_cast<std::uint64_t>(long_product)};
#else
  const std::uint64_t low = 0xffffffff, a1 = a >> 32, a0 = a & low, b1 = b >> 32, b0 = b & low;
  const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32), other = a0 * b1 + (middle & low);
  return {a1 * b1 + (middle >> 32) + (other >> 32), (other << 32) | ((a0 * b0) & low)};
#endif
}

// How many bits of w > 0 are 0 before the first that is 1.
inline int zeros_before(std::uint64_t w) {
#ifdef __GNUC__
  return __builtin_clzll(w);
#else
  int zeros = 0;
  for (; !(w >> 63); w <<= 1) ++zeros;
  return zeros;
#endif
}

// The bits of the double next to p.upper 2^exponent + p.lower 2^(exponent - 64) below infinity, from its normal range; 0
// outside it. Above the middle between two doubles, and with `ties_up` in it, the upper one is taken.
inline std::uint64_t rounded(Words p, int exponent, bool ties_up) {
  const int dropped = p.upper >> 63 ? 11 : 10;
  const std::uint64_t half = std::uint64_t{1} << (dropped - 1), rest = p.upper & (2 * half - 1);
  const bool up = rest > half || (rest == half && (p.lower > 0 || ties_up));
  const std::uint64_t digits = (p.upper >> dropped) + up;  // from 2^52 to 2^53, which both are right below
  const int biased = exponent + dropped + 1075;
  if (biased < 1 || biased > 2045) return 0;
  return (static_cast<std::uint64_t>(biased) << 52) + (digits - (std::uint64_t{1} << 52));
}

// value = the double nearest to w 10^q, for w > 0; for one in [w, w + 1) 10^q where digits are `cut_off`. False where it is
// left open which it is.
inline bool nearest(std::uint64_t w, int q, bool cut_off, const PowersOfFive& powers, double& value) {
  if (q < PowersOfFive::least_power || q > PowersOfFive::most_power) return false;
  const int shift = zeros_before(w);
  w <<= shift;
  const std::uint64_t* const five = powers.words + 2 * (q - PowersOfFive::least_power);
  Words below = product(w, five[0]);
  const std::uint64_t carried = product(w, five[1]).upper;
  below.lower += carried;
  below.upper += below.lower < carried;
  // Each of the two parts that were cut off is below a unit of the lower word, and of the upper one what digits lack is
  // below 2^shift.
  Words above = {below.upper + (cut_off ? std::uint64_t{1} << shift : 0), below.lower + 2};
  above.upper += above.lower < 2;
  if (above.upper < below.upper) return false;
  // 217706 / 2^16 is log2(10) closely enough for all these q.
  const int exponent = 1 - shift + ((217706 * q) >> 16);
  const std::uint64_t bits = rounded(below, exponent, false);
  if (bits == 0 || bits != rounded(above, exponent, true)) return false;
  std::memcpy(&value, &bits, sizeof value);
  return true;
}

}  // namespace pml
