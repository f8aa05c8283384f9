#include "rows_of_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "threads.hpp"

namespace pml {
namespace {

// Bytes of a task: some thousand lines, which stay in the cache.
constexpr std::size_t bytes_of_a_task = std::size_t{1} << 18;
// So many decimal digits always fit in a word.
constexpr int digits_of_a_word = 19;
// Exponents from here on are left open: with a million digits in front they may still be those of a number.
constexpr int largest_exponent = 1000000;

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// The word whose lowest byte is at p: one load, where the machine keeps words so.
std::uint64_t word_at(const char* p) {
  const auto byte = [p](int i) { return std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i); };
  return byte(0) | byte(1) | byte(2) | byte(3) | byte(4) | byte(5) | byte(6) | byte(7);
}

// The place of the lowest bit of w > 0 that is 1.
int lowest_bit(std::uint64_t w) { return 63 - zeros_before(w & (0 - w)); }

// How many of eight bytes are digits, from the lowest on.
int leading_digits(std::uint64_t bytes) {
  const std::uint64_t off = bytes ^ 0x3030303030303030;  // below 10 for digits
  // Bit 7 of each byte that is none; what a byte that is none carries reaches only bytes after it.
  const std::uint64_t others = ((off + 0x7676767676767676) | off) & 0x8080808080808080;
  return others == 0 ? 8 : lowest_bit(others) / 8;
}

// The number of eight digits, by pairs, fours and eights of them side by side.
std::uint64_t number_of_digits(std::uint64_t bytes) {
  bytes = (bytes & 0x0f0f0f0f0f0f0f0f) * (1 + (std::uint64_t{10} << 8)) >> 8;
  bytes = (bytes & 0x00ff00ff00ff00ff) * (1 + (std::uint64_t{100} << 16)) >> 16;
  return (bytes & 0x0000ffff0000ffff) * (1 + (std::uint64_t{10000} << 32)) >> 32;
}

constexpr std::uint64_t powers_of_ten[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// Whether the letters from p on, in either case, are this word.
bool is_word(const char* p, const char* end, const char* word) {
  const std::size_t size = std::strlen(word);
  return static_cast<std::size_t>(end - p) >= size &&
         std::equal(word, word + size, p, [](char wanted, char c) { return wanted == (c | 0x20); });
}

enum class Cell { number, open, other };

class Reader {
 public:
  Reader(const char* text, std::size_t size, const TextLayout& layout, const PowersOfFive& powers)
      : text_(text), text_end_(text + size), layout_(layout), powers_(powers) {}

  // Reads the lines from p to end, of which the last may have no end of its own; returns how many rows they have, or
  // false in `understood`.
  std::size_t lines(const char* p, const char* end, double* rows, bool& understood) {
    std::size_t n_rows = 0;
    for (understood = true; understood && p < end;) {
      const char* const found = static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
      const char* const next = found ? found + 1 : end;
      const char* last = found ? found : end;
      if (last > p && last[-1] == '\r') --last;
      if (is_row(p, last)) {
        understood = row(p, last, n_rows, rows + n_rows * layout_.n_columns);
        ++n_rows;
      }
      p = next;
    }
    return n_rows;
  }

  // Of the rows of all lines() called.
  std::vector<OpenNumber> open;

 private:
  bool is_blank(char c) const { return c == ' ' || (c == '\t' && layout_.delimiter != '\t'); }
  const char* after_blanks(const char* p, const char* end) const {
    while (p < end && is_blank(*p)) ++p;
    return p;
  }

  bool is_row(const char* p, const char* end) const {
    if (p == end) return false;
    if (!layout_.has_comments && layout_.delimiter) return true;
    p = after_blanks(p, end);
    if (p == end) return layout_.delimiter;  // one empty cell, where blanks part none
    return !(layout_.has_comments && (*p == '#' || *p == '%'));
  }

  bool row(const char* p, const char* end, std::size_t i, double* values) {
    const std::size_t n_cells = layout_.slots.size();
    for (std::size_t cell = 0; cell < n_cells; ++cell) {
      const std::int64_t column = layout_.slots[cell];
      p = after_blanks(p, end);
      if (!layout_.delimiter && p == end) return false;
      if (column < 0) {
        p = after_cell(p, end);
      } else {
        const char* const begin = p;
        const Cell kind = number(p, end, values[column]);
        if (kind == Cell::other) return false;
        if (kind == Cell::open) {
          open.push_back({static_cast<std::int64_t>(i), column, begin - text_, p - text_});
        }
      }
      const char* const after = after_blanks(p, end);
      if (cell + 1 == n_cells) return after == end;
      if (layout_.delimiter) {
        if (after == end || *after != layout_.delimiter) return false;
        p = after + 1;
      } else {
        if (after == p) return false;
        p = after;
      }
    }
    return true;
  }

  // The end of a cell that may hold anything but what others read in another way: quotes, comments, ends of lines.
  const char* after_cell(const char* p, const char* end) const {
    for (; p < end; ++p) {
      if (layout_.delimiter ? *p == layout_.delimiter : is_blank(*p)) break;
      if (*p == '"' || *p == '\r' || *p == 0 || (layout_.has_comments && (*p == '#' || *p == '%'))) break;
    }
    return p;
  }

  bool is_point(char c) const { return c == '.' || (layout_.decimal_comma && c == ','); }

  // Puts the digits from p on behind those of `digits`, and returns their end, which is that of the line at the latest;
  // more than 19 wrap around.
  const char* after_digits(const char* p, const char* end, std::uint64_t& digits) const {
    while (text_end_ - p >= 8) {
      const std::uint64_t bytes = word_at(p);
      const int n = leading_digits(bytes);
      if (n == 0) return p;
      digits = powers_of_ten[n] * digits + number_of_digits(bytes << (8 * (8 - n)));
      p += n;
      if (n < 8) return p;
    }
    for (; p < end && is_digit(*p); ++p) digits = 10 * digits + static_cast<std::uint64_t>(*p - '0');
    return p;
  }

  // The first 19 digits that count of those from p to end, among which a point may be; 10^exponent is the last one's unit.
  std::uint64_t first_digits(const char* p, const char* end, int& exponent, bool& cut_off) const {
    std::uint64_t digits = 0;
    int n_digits = 0;
    bool after_point = false;
    exponent = 0;
    for (; p < end; ++p) {
      if (!is_digit(*p)) {
        after_point = true;
        continue;
      }
      exponent -= after_point;
      if (n_digits < digits_of_a_word) {
        digits = 10 * digits + static_cast<std::uint64_t>(*p - '0');
        n_digits += digits > 0;
      } else {
        cut_off = cut_off || *p != '0';
        ++exponent;
      }
    }
    return digits;
  }

  // The number at p, which is put behind it.
  Cell number(const char*& p, const char* end, double& value) const {
    const char* at = p;
    const bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    std::uint64_t digits = 0;
    bool cut_off = false;
    const char* const first = at;
    at = after_digits(first, end, digits);
    auto n_digits = at - first;
    const bool has_point = at < end && is_point(*at);
    int exponent = 0;
    if (has_point) {
      const char* const fraction = ++at;
      at = after_digits(fraction, end, digits);
      n_digits += at - fraction;
      exponent = static_cast<int>(fraction - at);
    }
    if (n_digits == 0) return has_point ? Cell::other : word(p, at, end, is_negative, value);
    if (n_digits > digits_of_a_word) digits = first_digits(first, at, exponent, cut_off);
    if (at < end && (*at | 0x20) == 'e') {
      ++at;
      const bool is_below = at < end && *at == '-';
      if (at < end && (*at == '-' || *at == '+')) ++at;
      if (at == end || !is_digit(*at)) return Cell::other;
      int power = 0;
      for (; at < end && is_digit(*at); ++at) power = std::min(10 * power + (*at - '0'), largest_exponent);
      exponent += is_below ? -power : power;
      if (power == largest_exponent) {
        p = at;
        return Cell::open;
      }
    }
    p = at;
    double size = 0.0;
    if (digits > 0 && !nearest(digits, exponent, cut_off, powers_, size)) return Cell::open;
    value = is_negative ? -size : size;
    return Cell::number;
  }

  // NaN, infinity, or an empty cell at `at`, behind the sign at p if there is one.
  Cell word(const char*& p, const char* at, const char* end, bool is_negative, double& value) const {
    const bool is_empty = at == p && (at == end || *at == layout_.delimiter);
    std::size_t size = 0;
    if (is_empty ? !layout_.empty_is_nan : !is_word(at, end, "nan")) {
      size = is_word(at, end, "infinity") ? 8 : is_word(at, end, "inf") ? 3 : 0;
      value = std::numeric_limits<double>::infinity();
      if (size == 0) return Cell::other;
    } else {
      size = is_empty ? 0 : 3;
      value = std::numeric_limits<double>::quiet_NaN();
    }
    value = std::copysign(value, is_negative ? -1.0 : 1.0);
    p = at + size;
    return Cell::number;
  }

  const char *text_, *text_end_;
  const TextLayout& layout_;
  const PowersOfFive& powers_;
};

// Where the first line begins that does so at or after `place`.
std::size_t line_from(const char* text, std::size_t size, std::size_t place) {
  if (place == 0 || place >= size) return std::min(place, size);
  const void* const found = std::memchr(text + place - 1, '\n', size - place + 1);
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text) + 1 : size;
}

}  // namespace

std::vector<std::size_t> lines_of_tasks(const char* text, std::size_t size, std::size_t n_threads) {
  std::vector<std::size_t> counts((size + bytes_of_a_task - 1) / bytes_of_a_task);
  parallel_for(counts.size(), n_threads, [&](std::size_t task, std::size_t) {
    const std::size_t begin = line_from(text, size, task * bytes_of_a_task);
    const std::size_t end = line_from(text, size, (task + 1) * bytes_of_a_task);
    for (std::size_t at = begin; at < end; at = line_from(text, size, at + 1)) ++counts[task];
  });
  return counts;
}

bool rows_of_text(const char* text, std::size_t size, const std::vector<std::size_t>& most, const TextLayout& layout,
                  const PowersOfFive& powers, double* rows, std::size_t& n_rows, std::vector<OpenNumber>& open,
                  std::size_t n_threads) {
  const std::size_t n_tasks = most.size(), k = layout.n_columns;
  std::vector<std::size_t> first(n_tasks + 1, 0), found(n_tasks, 0);
  for (std::size_t task = 0; task < n_tasks; ++task) first[task + 1] = first[task] + most[task];
  std::vector<std::vector<OpenNumber>> open_of(n_tasks);
  std::vector<char> understood(n_tasks, 1);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t) {
    Reader reader(text, size, layout, powers);
    bool all = true;
    found[task] = reader.lines(text + line_from(text, size, task * bytes_of_a_task),
                               text + line_from(text, size, (task + 1) * bytes_of_a_task), rows + first[task] * k, all);
    understood[task] = all;
    open_of[task] = std::move(reader.open);
  });
  n_rows = 0;
  for (std::size_t task = 0; task < n_tasks; ++task) {
    if (!understood[task]) return false;
    if (n_rows < first[task]) std::copy_n(rows + first[task] * k, found[task] * k, rows + n_rows * k);
    for (OpenNumber number : open_of[task]) {
      number.row += static_cast<std::int64_t>(n_rows);
      open.push_back(number);
    }
    n_rows += found[task];
  }
  return true;
}

}  // namespace pml
