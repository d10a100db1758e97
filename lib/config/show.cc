// SPDX-License-Identifier: BSD-3-Clause
#include "config/network_values.h"
#include "config/text.h"
#include "config/values.h"

#include <array>
#include <cstdio>

namespace ravelin::config {
namespace {

/// Shows a value of each type that a field can have.
struct Show {
    const Key& key;

    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(uint8_t value) const { return std::to_string(value); }
    std::string operator()(uint16_t value) const {
        if (key.format != Format::FileMode) return std::to_string(value);
        std::array<char, 16> octal{};
        std::snprintf(octal.data(), octal.size(), "\"%04o\"", value);
        return octal.data();
    }
    std::string operator()(uint32_t value) const { return std::to_string(value); }
    std::string operator()(Duration value) const { return format_duration(value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const std::vector<std::string>& list) const {
        return join(list, [](const std::string& word) { return word; });
    }
    std::string operator()(const std::vector<uint16_t>& list) const {
        return join(list, [&](uint16_t number) {
            return key.format == Format::EtherTypes ? ether_type_name(number)
                                                    : std::to_string(number);
        });
    }
    std::string operator()(const std::optional<uint8_t>& value) const {
        return value ? protocol_name(*value) : std::string{};
    }
    std::string operator()(const std::vector<Prefix>& list) const {
        return list.empty() ? std::string{}
                            : join(list, [](const Prefix& prefix) { return prefix.to_string(); });
    }
    std::string operator()(const std::vector<PortRange>& list) const {
        return list.empty() ? std::string{} : join(list, [](const PortRange& range) {
            return std::to_string(range.first) + "-" + std::to_string(range.last);
        });
    }

    template <class T, class Word>
    static std::string join(const std::vector<T>& list, Word word) {
        std::string text = "[";
        for (const T& item : list)
            text += (text.size() > 1 ? ", " : "") + word(item);
        return text + "]";
    }
};

std::string one_of(const std::vector<std::string_view>& words) {
    std::string text;
    for (size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

std::string number_range(const Key& key) {
    if (key.minimum == key.maximum) return std::to_string(key.minimum);
    return "a whole number from " + std::to_string(key.minimum) + " to " +
           std::to_string(key.maximum);
}

}  // namespace

std::string ether_type_name(uint16_t number) {
    for (const NamedNumber& entry : ether_type_names()) {
        if (entry.number == number) return std::string{entry.name};
    }
    std::array<char, 16> hexadecimal{};
    std::snprintf(hexadecimal.data(), hexadecimal.size(), "0x%04x", number);
    return hexadecimal.data();
}

std::string show_value(const Key& key, Draft& draft) {
    return std::visit(
        [&](auto access) -> std::string {
            if constexpr (std::is_same_v<decltype(access), std::monostate>) {
                return {};
            } else {
                return Show{key}(access(draft));
            }
        },
        key.field);
}

std::string expected(const Key& key) {
    switch (key.format) {
        case Format::Section:
            return "a section with keys";
        case Format::NamedSections:
            return "names with a section each";
        case Format::SectionList:
            return "a list of sections";
        case Format::Boolean:
            return "true or false";
        case Format::Number:
            return number_range(key);
        case Format::Duration:
            return "a duration from " + format_duration(key.minimum * 1ms) + " to " +
                   format_duration(key.maximum * 1ms) + " with its unit, such as 30s, 5m or 12h";
        case Format::Word:
            return one_of(key.words);
        case Format::Name:
            return "a name: a lower-case letter, then letters, digits, _ or -, at most 31 in all";
        case Format::Reference:
            return "the name of a port";
        case Format::Device:
            return "a PCI address such as 0000:03:00.0, or a virtual device such as "
                   "net_af_packet0,iface=eth1";
        case Format::AbsolutePath:
            return "an absolute path of at most 107 characters";
        case Format::FileMode:
            return "file permissions in octal and in quotes, such as \"0660\"";
        case Format::Endpoint:
            return "an address and a port, such as 127.0.0.1:9117 or [::1]:9117";
        case Format::PublicKey:
            return "a WireGuard public key: 44 characters of base64, as `wg pubkey` writes it";
        case Format::TextList:
            return "a list of words, such as [--no-huge, --no-pci]";
        case Format::CpuList:
            return "a list of CPU numbers, such as [1, 2]";
        case Format::EtherTypes:
            return "a list of names or EtherTypes, such as [arp, 0x88cc]";
        case Format::Protocol:
            return "a protocol by name, such as udp, or by number from 0 to 255";
        case Format::Prefixes:
            return "address blocks, such as 192.0.2.0/24 or [192.0.2.20, 2001:db8::/32]";
        case Format::PortRanges:
            return "ports from 0 to 65535, such as 1194 or [500, 4500, 5000-5010]";
    }
    return {};
}

}  // namespace ravelin::config
