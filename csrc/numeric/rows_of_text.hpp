// Rows of decimal numbers in a text -> doubles, correctly rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decimal.hpp"

namespace pml {

// How lines are read. `delimiter` parts cells, 0 for any number of blanks. Cell i goes to column slots[i] of the rows, of
// which there are n_columns; no number is looked for where that is negative.
struct TextLayout {
  char delimiter;
  bool decimal_comma;  // beside points
  bool has_comments;   // lines that begin with # or %, which are no rows
  bool empty_is_nan;
  std::vector<std::int64_t> slots;
  std::size_t n_columns;
};

// A number that `nearest` leaves open: where it goes, and where its digits are in the text.
struct OpenNumber {
  std::int64_t row, column, begin, end;
};

// A text is read in tasks of whole lines; how many lines each of them has, and so how many rows at most.
std::vector<std::size_t> lines_of_tasks(const char* text, std::size_t size, std::size_t n_threads);

// Fills `rows` (sum of `most`, n_columns) from above and puts the number of rows in n_rows; `most` are lines_of_tasks. False
// where the text is anything but numbers in as many cells as there are slots: quotes, words, ends of lines other than "\n"
// and "\r\n", cells that are missing.
bool rows_of_text(const char* text, std::size_t size, const std::vector<std::size_t>& most, const TextLayout& layout,
                  const PowersOfFive& powers, double* rows, std::size_t& n_rows, std::vector<OpenNumber>& open,
                  std::size_t n_threads);

}  // namespace pml
