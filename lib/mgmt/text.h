// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "packet/address.h"

#include <arpa/inet.h>
#include <charconv>
#include <chrono>
#include <concepts>
#include <string>
#include <string_view>

namespace ravelin {

/// For people, JSON and metrics.
[[nodiscard]] inline double seconds(Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

// Writers that only append, for dumps of a million lines: no stream, no temporary string.

inline void append_number(std::string& out, std::integral auto value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), static_cast<size_t>(end - digits.data()));
}

/// "name=value", the shape of every field that conntrack prints.
inline void append_field(std::string& out, std::string_view name, std::integral auto value) {
    out.append(name);
    out.push_back('=');
    append_number(out, value);
}

/// As inet_ntop(3) writes it, which is what conntrack prints.
inline void append_address(std::string& out, const Address& address, Family family) {
    const bool ipv4 = family == Family::Ipv4;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const uint8_t* bytes = ipv4 ? address.bytes.data() + 12 : address.bytes.data();
    if (inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes, text.data(), text.size()) != nullptr)
        out.append(text.data());
}

/// A JSON string with its quotes. Bytes outside printable ASCII are escaped, so that whatever an
/// operator named can't break a line (threats T73).
void append_json_string(std::string& out, std::string_view text);

}  // namespace ravelin
