// SPDX-License-Identifier: BSD-3-Clause
#include "config/values.h"

#include "config/network_values.h"
#include "config/text.h"

#include <algorithm>
#include <optional>

namespace ravelin::config {
namespace {

constexpr size_t kLongestName = 31;
/// sockaddr_un holds 108 bytes with the final zero (unix(7)).
constexpr size_t kLongestSocketPath = 107;
constexpr int64_t kHighestCpu = 1023;

/// Stores into whichever type the field has; a wrong pair is a mistake in the table.
template <class T>
void store(const Key& key, Draft& draft, T value) {
    std::get<Access<T>>(key.field)(draft) = std::move(value);
}

void store_number(const Key& key, Draft& draft, int64_t value) {
    if (std::holds_alternative<Access<uint8_t>>(key.field)) {
        store(key, draft, static_cast<uint8_t>(value));
    } else if (std::holds_alternative<Access<uint16_t>>(key.field)) {
        store(key, draft, static_cast<uint16_t>(value));
    } else {
        store(key, draft, static_cast<uint32_t>(value));
    }
}

bool is_plain_scalar(const Node& node) {
    return node.kind == Node::Kind::Scalar && !node.quoted;
}

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Why something that looks like what was wanted isn't.
std::string number_trap(const Node& node) {
    if (node.kind != Node::Kind::Scalar) return {};
    if (node.quoted && parse_number(node.text)) return "; remove the quotes";
    if (node.text.size() > 1 && node.text.front() == '0' && all_digits(node.text)) {
        return "; a leading zero means octal to some YAML readers";
    }
    return {};
}

std::string boolean_trap(const Node& node) {
    if (node.kind != Node::Kind::Scalar) return {};
    if (node.quoted && (node.text == "true" || node.text == "false")) return "; remove the quotes";
    static constexpr std::string_view kTraps[] = {"yes", "Yes", "YES", "on",   "On",   "ON",
                                                  "y",   "Y",   "1",   "True", "TRUE", "enabled"};
    static constexpr std::string_view kFalseTraps[] = {
        "no", "No", "NO", "off", "Off", "OFF", "n", "N", "0", "False", "FALSE", "disabled"};
    const auto is_one = [&](std::string_view trap) { return node.text == trap; };
    if (std::any_of(std::begin(kTraps), std::end(kTraps), is_one)) return "; write true";
    if (std::any_of(std::begin(kFalseTraps), std::end(kFalseTraps), is_one)) return "; write false";
    return {};
}

std::string duration_trap(const Node& node) {
    if (node.kind != Node::Kind::Scalar || !all_digits(node.text)) return {};
    return "; the unit is missing";
}

/// "0000:03:00.0", perhaps with options behind a comma; or a driver's name with a number.
bool is_device(std::string_view text) {
    const std::string_view name = text.substr(0, text.find(','));
    const auto all = [](std::string_view part, std::string_view allowed) {
        return !part.empty() && part.find_first_not_of(allowed) == std::string_view::npos;
    };
    if (text.find_first_of(" \t\"'") != std::string_view::npos) return false;
    if (name.size() == 12 && name[4] == ':' && name[7] == ':' && name[10] == '.') {
        constexpr std::string_view kHex = "0123456789abcdefABCDEF";
        return all(name.substr(0, 4), kHex) && all(name.substr(5, 2), kHex) &&
               all(name.substr(8, 2), kHex) && all(name.substr(11), "01234567");
    }
    return name.size() >= 2 && name.front() >= 'a' && name.front() <= 'z' &&
           all(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

/// Whether the text is what its format asks for.
bool is_good_text(const Key& key, const Node& node) {
    if (node.kind != Node::Kind::Scalar || node.text.empty()) return false;
    const std::string& text = node.text;
    if (key.format == Format::Name) return is_name(text);
    if (key.format == Format::Device) return is_device(text);
    if (key.format == Format::Endpoint) return is_endpoint(text);
    if (key.format == Format::PublicKey) return read_public_key(text).has_value();
    if (key.format == Format::Word) {
        return std::find(key.words.begin(), key.words.end(), text) != key.words.end();
    }
    if (key.format == Format::AbsolutePath) {
        return text.front() == '/' && text.back() != '/' && text.size() <= kLongestSocketPath;
    }
    return true;
}

std::string text_trap(const Key& key, const Node& node) {
    if (node.kind != Node::Kind::Scalar) return {};
    if (key.format == Format::Word) return did_you_mean(node.text, key.words);
    if (key.format == Format::Name && node.text.size() > kLongestName) {
        return "; that has " + std::to_string(node.text.size()) + " characters";
    }
    if (key.format == Format::AbsolutePath && node.text.size() > kLongestSocketPath) {
        return "; that has " + std::to_string(node.text.size()) + " characters";
    }
    return {};
}

/// Reports "label: expected ..., got ...".
void refuse(const Key& key, const Node& node, const std::string& label, const std::string& more,
            Findings& findings) {
    findings.error(node.place,
                   label + ": expected " + expected(key) + ", got " + describe(node) + more);
}

void read_mode(const Key& key, const Node& node, const std::string& label, Draft& draft,
               Findings& findings) {
    const std::string& text = node.text;
    const bool octal = node.kind == Node::Kind::Scalar && text.size() == 4 && text[0] == '0' &&
                       text.find_first_not_of("01234567") == std::string::npos;
    if (!octal || !node.quoted) {
        refuse(key, node, label, octal ? "; without quotes some YAML readers see a number" : "",
               findings);
        return;
    }
    const auto mode =
        static_cast<uint16_t>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
    if ((mode & 0002) != 0) {
        findings.warning(node.place, label + ": " + in_quotes(text) +
                                         " lets every user of this machine control the appliance");
    }
    store(key, draft, mode);
}

void read_text_list(const Key& key, const Node& node, const std::string& label, Draft& draft,
                    Findings& findings) {
    if (node.kind != Node::Kind::List) return refuse(key, node, label, "", findings);
    std::vector<std::string> list;
    for (const Node& item : node.items) {
        if (item.kind == Node::Kind::Refused) continue;
        if (item.kind != Node::Kind::Scalar || item.text.empty()) {
            findings.error(item.place, label + ": expected one word, got " + describe(item));
            continue;
        }
        list.push_back(item.text);
    }
    store(key, draft, std::move(list));
}

void read_cpu_list(const Key& key, const Node& node, const std::string& label, Draft& draft,
                   Findings& findings) {
    if (node.kind != Node::Kind::List || node.items.empty()) {
        return refuse(key, node, label, "", findings);
    }
    std::vector<uint16_t> list;
    for (const Node& item : node.items) {
        if (item.kind == Node::Kind::Refused) continue;
        const auto number = is_plain_scalar(item) ? parse_number(item.text) : std::nullopt;
        if (!number || *number > kHighestCpu) {
            findings.error(item.place, label + ": expected a CPU number from 0 to " +
                                           std::to_string(kHighestCpu) + ", got " + describe(item) +
                                           number_trap(item));
            continue;
        }
        list.push_back(static_cast<uint16_t>(*number));
    }
    constexpr size_t kMostWorkers = 64;
    if (list.size() > kMostWorkers) {
        findings.error(node.place, label + ": at most " + std::to_string(kMostWorkers) +
                                       " CPUs, got " + std::to_string(list.size()));
    }
    store(key, draft, std::move(list));
}

void read_number(const Key& key, const Node& node, const std::string& label, Draft& draft,
                 Findings& findings) {
    const auto number = is_plain_scalar(node) ? parse_number(node.text) : std::nullopt;
    if (!number || *number < key.minimum || *number > key.maximum) {
        return refuse(key, node, label, number ? "" : number_trap(node), findings);
    }
    store_number(key, draft, *number);
}

void read_duration(const Key& key, const Node& node, const std::string& label, Draft& draft,
                   Findings& findings) {
    const auto duration =
        node.kind == Node::Kind::Scalar ? parse_duration(node.text) : std::nullopt;
    if (!duration || *duration / 1ms < key.minimum || *duration / 1ms > key.maximum) {
        return refuse(key, node, label, duration ? "" : duration_trap(node), findings);
    }
    store(key, draft, *duration);
}

}  // namespace

bool is_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > kLongestName) return false;
    if (text.front() < 'a' || text.front() > 'z') return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") ==
           std::string_view::npos;
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::Null:
            return "nothing";
        case Node::Kind::Scalar:
            return node.text.empty() ? "an empty text" : in_quotes(node.text);
        case Node::Kind::List:
            return node.items.empty() ? "an empty list" : "a list";
        case Node::Kind::Map:
            return node.items.empty() ? "an empty section" : "a section with keys";
        case Node::Kind::Refused:
            break;
    }
    return "something else";
}

void read_value(const Key& key, const Node& node, const std::string& label, Draft& draft,
                Findings& findings) {
    if (node.kind == Node::Kind::Refused) return;
    switch (key.format) {
        case Format::Section:
        case Format::NamedSections:
        case Format::SectionList:
            return;
        case Format::Boolean:
            if (!is_plain_scalar(node) || (node.text != "true" && node.text != "false")) {
                return refuse(key, node, label, boolean_trap(node), findings);
            }
            return store(key, draft, node.text == "true");
        case Format::Number:
            return read_number(key, node, label, draft, findings);
        case Format::Duration:
            return read_duration(key, node, label, draft, findings);
        case Format::Name:
        case Format::Word:
        case Format::Reference:
        case Format::Device:
        case Format::AbsolutePath:
        case Format::Endpoint:
        case Format::PublicKey:
            if (!is_good_text(key, node)) {
                return refuse(key, node, label, text_trap(key, node), findings);
            }
            return store(key, draft, node.text);
        case Format::FileMode:
            return read_mode(key, node, label, draft, findings);
        case Format::TextList:
            return read_text_list(key, node, label, draft, findings);
        case Format::CpuList:
            return read_cpu_list(key, node, label, draft, findings);
        case Format::EtherTypes:
            return store(key, draft, read_ether_types(key, node, label, findings));
        case Format::Protocol:
            return store(key, draft, read_protocol(key, node, label, findings));
        case Format::Prefixes:
            return store(key, draft, read_prefixes(key, node, label, findings));
        case Format::PortRanges:
            return store(key, draft, read_port_ranges(key, node, label, findings));
    }
}

}  // namespace ravelin::config
