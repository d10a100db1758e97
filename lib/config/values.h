// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/findings.h"
#include "config/keys.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ravelin::config {

/// Reads one value into its field, or reports what was expected. `label` names it in messages.
void read_value(const Key& key, const Node& node, const std::string& label, Draft& draft,
                Findings& findings);

/// "a duration from 1s to 30d, such as 30s, 5m or 12h".
[[nodiscard]] std::string expected(const Key& key);

/// The same for formats that need no more than themselves.
[[nodiscard]] inline std::string expected(Format format) {
    Key key;
    key.format = format;
    return expected(key);
}

/// Whether users may call something so.
[[nodiscard]] bool is_name(std::string_view text) noexcept;

/// The field's value as one would write it in the file; empty when nothing is set.
[[nodiscard]] std::string show_value(const Key& key, Draft& draft);

/// What stands there, for messages: "'abc'", "a list", "nothing".
[[nodiscard]] std::string describe(const Node& node);

/// A name for a number, in either direction.
struct NamedNumber {
    std::string_view name;
    uint16_t number;
};

/// What `protocol` knows by name.
[[nodiscard]] std::span<const NamedNumber> protocol_names() noexcept;
/// What `non_ip` knows by name; a name may stand for several EtherTypes.
[[nodiscard]] std::span<const NamedNumber> ether_type_names() noexcept;

/// "arp", or "0x88b5".
[[nodiscard]] std::string ether_type_name(uint16_t number);

/// Frames with a length in place of the EtherType carry 802.2 LLC (spanning tree, IS-IS); parsing
/// gives them all this number.
inline constexpr uint16_t kEtherTypeLlc = 0;

}  // namespace ravelin::config
