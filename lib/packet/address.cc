// SPDX-License-Identifier: BSD-3-Clause
#include "packet/address.h"

#include <charconv>
#include <cstring>
#include <optional>

namespace ravelin {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// A decimal number without sign, leading zeros or anything behind it.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned limit) {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return {};
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > limit) return {};
    return value;
}

/// Exactly four decimal octets (RFC 6943 3.1.1, the strict form): no octal, no short forms.
bool parse_quad(std::string_view text, uint8_t* out) {
    for (int i = 0; i < 4; ++i) {
        const size_t end = i < 3 ? text.find('.') : text.size();
        if (end == std::string_view::npos) return false;
        const auto octet = parse_decimal(text.substr(0, end), 255);
        if (!octet) return false;
        out[i] = static_cast<uint8_t>(*octet);
        text.remove_prefix(i < 3 ? end + 1 : end);
    }
    return true;
}

bool parse_group(std::string_view text, uint8_t* out) {
    if (text.empty() || text.size() > 4) return false;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    out[0] = static_cast<uint8_t>(value >> 8);
    out[1] = static_cast<uint8_t>(value);
    return true;
}

/// RFC 4291 2.2: groups, at most one "::", and perhaps a dotted quad at the end.
bool parse_ipv6(std::string_view text, std::array<uint8_t, 16>& out) {
    size_t used = 0;            // bytes written to `out`
    std::optional<size_t> gap;  // where "::" stands
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const size_t end = text.find(':');
        const std::string_view group = text.substr(0, end);
        if (group.find('.') != std::string_view::npos) {
            if (end != std::string_view::npos || used > 12 || !parse_quad(group, &out[used])) {
                return false;
            }
            used += 4;
            break;
        }
        if (used > 14 || !parse_group(group, &out[used])) return false;
        used += 2;
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
        if (text.empty()) return false;  // a single colon at the end
        if (text.front() == ':') {
            if (gap) return false;
            gap = used;
            text.remove_prefix(1);
        }
    }
    if (!gap) return used == 16;
    if (used == 16) return false;  // "::" stands for one group at least
    const size_t behind = used - *gap;
    std::memmove(&out[16 - behind], &out[*gap], behind);
    std::memset(&out[*gap], 0, 16 - used);
    return true;
}

std::string quad(const uint8_t* bytes) {
    std::string out;
    for (int i = 0; i < 4; ++i) {
        if (i != 0) out += '.';
        out += std::to_string(bytes[i]);
    }
    return out;
}

struct Run {
    size_t first = 8;
    size_t length = 0;
};

/// The longest run of two or more zero groups, the first of equals (RFC 5952 4.2).
Run longest_zeros(const std::array<unsigned, 8>& groups) {
    Run best;
    for (size_t i = 0; i < 8;) {
        size_t end = i;
        while (end < 8 && groups[end] == 0)
            ++end;
        if (end - i >= 2 && end - i > best.length) best = {i, end - i};
        i = end + 1;
    }
    return best;
}

std::string ipv6_text(const std::array<uint8_t, 16>& bytes) {
    std::array<unsigned, 8> groups{};
    for (size_t i = 0; i < 8; ++i) {
        groups[i] = static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    const Run zeros = longest_zeros(groups);
    // RFC 5952 5: IPv4-compatible addresses in mixed notation, as inet_ntop() has it, because
    // conntrack's lines are made with that.
    if (zeros.first == 0 && zeros.length == 6) return "::" + quad(&bytes[12]);
    std::string out;
    for (size_t i = 0; i < 8; ++i) {
        if (i == zeros.first) {
            out += "::";
            i += zeros.length - 1;
            continue;
        }
        if (!out.empty() && out.back() != ':') out += ':';
        std::array<char, 4> digits{};
        const auto [end, error] =
            std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16);
        out.append(digits.data(), end);
    }
    return out;
}

uint8_t mask_of(size_t byte, size_t length) {
    const size_t bits = length > byte * 8 ? length - byte * 8 : 0;
    return static_cast<uint8_t>(bits >= 8 ? 0xffU : 0xffU << (8 - bits));
}

Address masked(const Address& address, size_t length) {
    Address out = address;
    for (size_t i = 0; i < out.bytes.size(); ++i) {
        out.bytes[i] = static_cast<uint8_t>(out.bytes[i] & mask_of(i, length));
    }
    return out;
}

std::string quoted(std::string_view text) {
    return '"' + std::string{text} + '"';
}

}  // namespace

Address Address::from_ipv4(const uint8_t* network_order) noexcept {
    Address out;
    std::memcpy(out.bytes.data(), kMappedPrefix.data(), kMappedPrefix.size());
    std::memcpy(out.bytes.data() + kMappedPrefix.size(), network_order, 4);
    return out;
}

Address Address::from_ipv6(const uint8_t* network_order) noexcept {
    Address out;
    std::memcpy(out.bytes.data(), network_order, out.bytes.size());
    return out;
}

Result<Address> Address::parse(std::string_view text) {
    std::array<uint8_t, 4> octets{};
    if (parse_quad(text, octets.data())) return from_ipv4(octets.data());
    Address out;
    if (text.find(':') != std::string_view::npos && parse_ipv6(text, out.bytes)) return out;
    return fail(quoted(text) + " is not an IP address (try 192.0.2.1 or 2001:db8::1)");
}

bool Address::is_ipv4() const noexcept {
    return std::memcmp(bytes.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
}

std::string Address::to_string() const {
    return is_ipv4() ? quad(&bytes[12]) : ipv6_text(bytes);
}

Result<Prefix> Prefix::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) {
        return fail(quoted(text) +
                    " is not an address or block (try 192.0.2.0/24 or 2001:db8::/32)");
    }
    Prefix out;
    out.address = *address;
    out.family = text.find(':') == std::string_view::npos ? Family::Ipv4 : Family::Ipv6;
    if (out.family == Family::Ipv6 && address->is_ipv4()) {
        return fail(quoted(text) + " is an IPv4 address in IPv6 form; write it as " +
                    address->to_string());
    }
    const unsigned bits = out.family == Family::Ipv4 ? 32 : 128;
    unsigned length = bits;
    if (slash != std::string_view::npos) {
        const auto given = parse_decimal(text.substr(slash + 1), bits);
        if (!given) {
            return fail(quoted(text) + " has no prefix length from 0 to " + std::to_string(bits) +
                        " behind the slash");
        }
        length = *given;
    }
    out.length = static_cast<uint8_t>(length + 128 - bits);
    const Address network = masked(out.address, out.length);
    if (network != out.address) {
        return fail(quoted(text) + " has bits set behind its prefix (did you mean " +
                    network.to_string() + "/" + std::to_string(length) + "?)");
    }
    return out;
}

bool Prefix::contains(const Address& candidate) const noexcept {
    if (family != (candidate.is_ipv4() ? Family::Ipv4 : Family::Ipv6)) return false;
    const size_t whole = length / 8U;
    if (std::memcmp(candidate.bytes.data(), address.bytes.data(), whole) != 0) return false;
    if (whole == address.bytes.size()) return true;
    return ((candidate.bytes[whole] ^ address.bytes[whole]) & mask_of(whole, length)) == 0;
}

std::string Prefix::to_string() const {
    const unsigned shown = family == Family::Ipv4 ? length - 96U : length;
    return address.to_string() + '/' + std::to_string(shown);
}

}  // namespace ravelin
