// SPDX-License-Identifier: BSD-3-Clause
#include "config/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace ravelin::config {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";

constexpr bool is_continuation(char byte) noexcept {
    return (byte & '\xc0') == '\x80';
}

/// Bytes of the valid UTF-8 character at the start (RFC 3629 section 4), or 0.
size_t character_length(std::string_view text) noexcept {
    const auto byte = [&](size_t i) {
        return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
    };
    const auto in = [](uint8_t value, int first, int last) {
        return value >= first && value <= last;
    };
    const uint8_t lead = byte(0);
    if (lead < 0x80) return 1;
    if (in(lead, 0xc2, 0xdf)) return in(byte(1), 0x80, 0xbf) ? 2 : 0;
    if (in(lead, 0xe0, 0xef)) {
        // No overlong forms, no surrogates.
        const int low = lead == 0xe0 ? 0xa0 : 0x80;
        const int high = lead == 0xed ? 0x9f : 0xbf;
        return in(byte(1), low, high) && in(byte(2), 0x80, 0xbf) ? 3 : 0;
    }
    if (in(lead, 0xf0, 0xf4)) {
        const int low = lead == 0xf0 ? 0x90 : 0x80;
        const int high = lead == 0xf4 ? 0x8f : 0xbf;
        return in(byte(1), low, high) && in(byte(2), 0x80, 0xbf) && in(byte(3), 0x80, 0xbf) ? 4 : 0;
    }
    return 0;
}

/// C0 without tab and line ends, delete, and C1: YAML 1.2 section 5.1 allows none of them.
bool is_control(std::string_view text, size_t at, size_t length) noexcept {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (length == 2) return byte == 0xc2 && static_cast<uint8_t>(text[at + 1]) < 0xa0;
    if (byte == '\r') return at + 1 >= text.size() || text[at + 1] != '\n';
    return length == 1 && ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f);
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i)
        cost[i][0] = i;
    for (size_t j = 0; j <= b.size(); ++j)
        cost[0][j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a.size()][b.size()];
}

}  // namespace

std::string_view without_bom(std::string_view text) noexcept {
    return text.substr(0, kBom.size()) == kBom ? text.substr(kBom.size()) : text;
}

bool check_text(std::string_view text, Findings& findings) {
    Place place{1, 1, 1};
    bool indentation = true;
    size_t tab_column = 0;
    bool tab_reported = false;
    bool good = true;
    for (size_t i = 0; i < text.size();) {
        const size_t length = character_length(text.substr(i));
        if (length == 0) {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "0x%02x", static_cast<uint8_t>(text[i]));
            findings.error(place, std::string{"byte "} + hex.data() + " is not UTF-8");
            return false;
        }
        if (is_control(text, i, length)) {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "0x%02x",
                          static_cast<uint8_t>(text[i + length - 1]));
            findings.error(place, std::string{"control character "} + hex.data() +
                                      ": this is not a text file");
            return false;
        }
        if (text[i] == '\n') {
            place = {place.line + 1, 1, 1};
            indentation = true;
            tab_column = 0;
        } else {
            if (indentation && text[i] == '\t' && tab_column == 0) tab_column = place.column;
            if (indentation && text[i] != ' ' && text[i] != '\t') {
                indentation = false;
                // A comment or an empty line may begin as it likes.
                if (tab_column != 0 && text[i] != '#' && text[i] != '\r' && !tab_reported) {
                    findings.error({place.line, static_cast<uint32_t>(tab_column), 1},
                                   "a tab in the indentation; use spaces");
                    tab_reported = true;
                    good = false;
                }
            }
            ++place.column;
        }
        i += length;
    }
    return good;
}

uint32_t count_characters(std::string_view text) noexcept {
    return static_cast<uint32_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !is_continuation(byte); }));
}

std::string printable(std::string_view text) {
    std::string clean;
    for (size_t i = 0; i < text.size();) {
        const size_t length = character_length(text.substr(i));
        if (length == 0 || is_control(text, i, length) || text[i] == '\n' || text[i] == '\r') {
            clean += '?';
        } else {
            clean += text.substr(i, length);
        }
        i += std::max<size_t>(length, 1);
    }
    return clean;
}

std::string in_quotes(std::string_view text) {
    constexpr size_t kMost = 40;
    if (text.size() <= kMost) return "'" + printable(text) + "'";
    size_t end = kMost;
    while (end > 0 && is_continuation(text[end]))
        --end;
    return "'" + printable(text.substr(0, end)) + "...'";
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    constexpr size_t kLongest = 48;
    if (word.empty() || word.size() > kLongest) return {};
    std::string_view best;
    // A third of the letters may be wrong: 'sorce' is 'source', 'mtu' is not 'max'.
    size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const size_t away = distance(word, candidate);
        if (away < best_distance && away < candidate.size()) {
            best = candidate;
            best_distance = away;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string_view best = nearest(word, candidates);
    return best.empty() ? std::string{} : " (did you mean '" + std::string{best} + "'?)";
}

std::optional<int64_t> parse_number(std::string_view text) noexcept {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    if (text.front() < '0' || text.front() > '9') return std::nullopt;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Duration> parse_duration(std::string_view text) noexcept {
    struct Unit {
        std::string_view suffix;
        Duration length;
    };
    static constexpr std::array kUnits{Unit{"ms", 1ms}, Unit{"s", 1s}, Unit{"m", 1min},
                                       Unit{"h", 1h}, Unit{"d", 24h}};
    for (const Unit& unit : kUnits) {
        if (text.size() <= unit.suffix.size()) continue;
        if (text.substr(text.size() - unit.suffix.size()) != unit.suffix) continue;
        const auto number = parse_number(text.substr(0, text.size() - unit.suffix.size()));
        if (!number) continue;
        if (*number > Duration::max() / unit.length) return std::nullopt;
        return *number * unit.length;
    }
    return std::nullopt;
}

std::string format_duration(Duration duration) {
    if (duration.count() != 0) {
        if (duration % 24h == 0ns) return std::to_string(duration / 24h) + "d";
        if (duration % 1h == 0ns) return std::to_string(duration / 1h) + "h";
    }
    if (duration % 1s == 0ns) return std::to_string(duration / 1s) + "s";
    return std::to_string(duration / 1ms) + "ms";
}

std::string counted(size_t number, std::string_view noun) {
    return std::to_string(number) + " " + std::string{noun} + (number == 1 ? "" : "s");
}

}  // namespace ravelin::config
