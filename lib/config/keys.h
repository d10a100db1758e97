// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/draft.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ravelin::config {

/// How a value is written.
enum class Format : uint8_t {
    Section,        ///< keys of its own
    NamedSections,  ///< names of the user's choice, each with a section
    SectionList,    ///< a list of sections
    Boolean,
    Number,
    Duration,
    Word,       ///< one of Key::words
    Name,       ///< what the user calls something
    Reference,  ///< a name that stands elsewhere
    Device,
    AbsolutePath,
    FileMode,
    Endpoint,   ///< address and port
    PublicKey,  ///< 32 bytes in base64
    TextList,
    CpuList,
    EtherTypes,
    Protocol,
    Prefixes,
    PortRanges,
};

template <class T>
using Access = T& (*)(Draft&);

/// Where a value goes. The type decides how it is stored, Format how it is written.
using Field =
    std::variant<std::monostate, Access<bool>, Access<uint8_t>, Access<uint16_t>, Access<uint32_t>,
                 Access<Duration>, Access<std::string>, Access<std::vector<std::string>>,
                 Access<std::vector<uint16_t>>, Access<std::optional<uint8_t>>,
                 Access<std::vector<Prefix>>, Access<std::vector<PortRange>>>;

/// Everything there is to know about one key of ravelin.yaml.
///
/// One table of these drives the reader, the findings, the defaults, the JSON Schema and the
/// reference page, so that none of them can say something else than the others. The default isn't
/// written here: it is what the field holds in a fresh Draft.
struct Key {
    std::string_view path;  ///< "conntrack.tcp.loose"; "ports.*.mtu", "rules[].action" in elements
    Format format = Format::Section;
    Field field{};
    std::string_view doc{};
    bool required = false;
    int64_t minimum = 0;  ///< numbers; durations in milliseconds
    int64_t maximum = 0;
    std::vector<std::string_view> words{};  ///< for Format::Word
    bool inherits = false;  ///< left out, it is what another key says, whose row tells the rest
};

/// All keys. Every section stands before its keys, and keys are read in this order wherever they
/// stand in the file: that is how `profile` sets the values which other keys then override.
[[nodiscard]] const std::vector<Key>& all_keys();
/// The part of them under `conntrack`, and that under `rules[].timeouts`.
[[nodiscard]] std::vector<Key> conntrack_keys();
[[nodiscard]] std::vector<Key> rule_timeout_keys();

/// "loose" of "conntrack.tcp.loose".
[[nodiscard]] std::string_view last_name(const Key& key) noexcept;
/// The keys directly under a path; "" for the top level.
[[nodiscard]] std::vector<const Key*> keys_under(std::string_view path);

/// The words of `conntrack.tombstones.policy` and `rules[].late`.
[[nodiscard]] std::string write_stale_policy(StalePolicy policy);
[[nodiscard]] StalePolicy read_stale_policy(std::string_view word) noexcept;

/// Sets the values of a profile, before single keys override them.
void apply_profile(Draft& draft);

/// A draft of this profile with one of each element, so that every field can be asked for its
/// default.
Draft example_draft(std::string_view profile);

}  // namespace ravelin::config
