// SPDX-License-Identifier: BSD-3-Clause
#include "output.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace ravelin::ctl {

Style Style::detect(bool no_color) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): ravelinctl has one thread
    const char* variable = std::getenv("NO_COLOR");
    const bool refused = no_color || (variable != nullptr && *variable != '\0');
    return Style{!refused && isatty(STDOUT_FILENO) == 1};
}

std::string Style::wrap(std::string_view code, std::string_view text) const {
    if (!enabled_) return std::string{text};
    return "\033[" + std::string{code} + "m" + std::string{text} + "\033[0m";
}

Table::Table(std::vector<std::string> headings) : headings_{std::move(headings)} {
    for (std::string& heading : headings_) {
        right_.push_back(heading.starts_with('>'));
        if (right_.back()) heading.erase(0, 1);
    }
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                        size_t indent) const {
    std::string out(indent, ' ');
    for (size_t i = 0; i < cells.size(); ++i) {
        const std::string pad(widths[i] - cells[i].size(), ' ');
        const bool last = i + 1 == cells.size();
        out += right_[i] ? pad + cells[i] : cells[i] + (last ? "" : pad);
        if (!last) out += "  ";
    }
    return out;
}

std::string Table::text(const Style& style, size_t indent) const {
    std::vector<size_t> widths;
    for (size_t i = 0; i < headings_.size(); ++i) {
        widths.push_back(headings_[i].size());
        for (const auto& row : rows_)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out = style.bold(line(headings_, widths, indent)) + "\n";
    for (const auto& row : rows_)
        out += line(row, widths, indent) + "\n";
    return out;
}

std::string grouped(uint64_t value) {
    std::string digits = std::to_string(value);
    for (size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string human_bytes(double bytes) {
    static constexpr std::array<const char*, 6> kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < kUnits.size()) {
        bytes /= 1000;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
    return text.data();
}

}  // namespace ravelin::ctl
