// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::config {

/// A piece of the file. Line and column count from 1, columns and length in characters.
struct Place {
    uint32_t line = 0;  ///< 0: the file as a whole
    uint32_t column = 0;
    uint32_t length = 1;
};

/// One value of the file as it was written, before anybody gave it a meaning.
///
/// Text stays text: whether `010` or `yes` is a number or a truth value is decided by the key that
/// it belongs to, never by what it looks like.
struct Node {
    enum class Kind : uint8_t {
        Null,     ///< nothing, or ~
        Scalar,   ///< text
        List,     ///< items
        Map,      ///< keys, and items of the same number
        Refused,  ///< something that has been reported already
    };
    Kind kind = Kind::Null;
    bool quoted = false;  ///< "5" rather than 5
    Place place{};
    std::string text{};
    std::vector<Node> keys{};
    std::vector<Node> items{};

    /// The value of a map's key; null when it has none.
    [[nodiscard]] const Node* find(std::string_view key) const;
};

}  // namespace ravelin::config
