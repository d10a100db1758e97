// SPDX-License-Identifier: BSD-3-Clause
#include "config/load.h"
#include "config/text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace ravelin {
namespace {

using namespace config;

/// The file cut into lines once, for any number of findings.
std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        lines.push_back(line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

/// Bytes of the first `count` characters.
size_t bytes_of(std::string_view text, size_t count) {
    size_t at = 0;
    while (at < text.size()) {
        if ((text[at] & '\xc0') != '\x80' && count-- == 0) break;
        ++at;
    }
    return at;
}

/// The line and a caret under the marked text. A long line is shown from shortly before the mark.
void show_line(std::string& out, std::string_view line, const Finding& finding) {
    constexpr size_t kBefore = 60;
    constexpr size_t kWidth = 120;
    const size_t column = finding.column > 0 ? finding.column - 1 : 0;
    const size_t skipped = column > kWidth - 20 ? column - kBefore : 0;
    line.remove_prefix(bytes_of(line, skipped));
    const size_t shown_bytes = bytes_of(line, kWidth);
    const bool cut = shown_bytes < line.size();
    const std::string shown = printable(line.substr(0, shown_bytes));

    std::array<char, 32> gutter{};
    std::snprintf(gutter.data(), gutter.size(), "%5u | ", finding.line);
    out +=
        gutter.data() + std::string{skipped > 0 ? "..." : ""} + shown + (cut ? "..." : "") + "\n";
    std::string pad(std::string_view{gutter.data()}.find('|'), ' ');
    pad += "| ";
    if (skipped > 0) pad += "   ";
    // A tab above stays a tab below, so that the caret stands right whatever its width is.
    const std::string_view before =
        std::string_view{shown}.substr(0, bytes_of(shown, column - skipped));
    for (const char byte : before) {
        if ((byte & '\xc0') != '\x80') pad += byte == '\t' ? '\t' : ' ';
    }
    const size_t room =
        count_characters(shown) - std::min<size_t>(count_characters(shown), column - skipped);
    const size_t tildes = std::min<size_t>(finding.length, std::max<size_t>(room, 1)) - 1;
    out += pad + "^" + std::string(tildes, '~') + "\n";
}

}  // namespace

std::string render_findings(const LoadResult& result, std::string_view text,
                            const std::string& path) {
    const std::vector<std::string_view> lines = split_lines(without_bom(text));
    std::string out;
    size_t errors = 0;
    for (const Finding& finding : result.findings) {
        const bool is_error = finding.severity == Finding::Severity::Error;
        errors += is_error ? 1 : 0;
        out += printable(path);
        if (finding.line > 0) {
            out += ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column);
        }
        out += std::string{is_error ? ": error: " : ": warning: "} + finding.message + "\n";
        if (finding.line > 0 && finding.line <= lines.size()) {
            show_line(out, lines[finding.line - 1], finding);
        }
    }
    const size_t warnings = result.findings.size() - errors;
    return out + counted(result.findings.size(), "finding") + ": " + counted(errors, "error") +
           ", " + counted(warnings, "warning") + "\n";
}

}  // namespace ravelin
