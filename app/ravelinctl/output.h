// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::ctl {

/// Colour and emphasis, or nothing where nobody sees it.
class Style {
  public:
    explicit Style(bool enabled) : enabled_{enabled} {}
    /// Colours only a terminal, and neither with --no-color nor with NO_COLOR.
    static Style detect(bool no_color);

    [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
    [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }
    [[nodiscard]] std::string good(std::string_view text) const { return wrap("32", text); }
    [[nodiscard]] std::string bad(std::string_view text) const { return wrap("31", text); }

  private:
    [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const;
    bool enabled_;
};

/// Columns as wide as their widest cell; a column is right-aligned when its heading begins with
/// '>', which isn't shown.
class Table {
  public:
    explicit Table(std::vector<std::string> headings);
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] std::string text(const Style& style, size_t indent = 0) const;

  private:
    [[nodiscard]] std::string line(const std::vector<std::string>& cells,
                                   const std::vector<size_t>& widths, size_t indent) const;
    std::vector<std::string> headings_;
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

/// "1234567" as "1,234,567".
std::string grouped(uint64_t value);

/// Bytes in the unit that reads best: "512 B", "1.4 MB".
std::string human_bytes(double bytes);

}  // namespace ravelin::ctl
