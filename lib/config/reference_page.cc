// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"
#include "config/reference.h"
#include "config/text.h"
#include "config/values.h"

namespace ravelin {
namespace {

using namespace config;

constexpr std::string_view kIntroduction = R"(# Configuration

`ravelind` reads one YAML file, `/etc/ravelin/ravelin.yaml` unless told otherwise. This page is made
from the table that reads the file (`ravelind --print-config-reference`); a JSON Schema for editors
is in [schema/ravelin-config.schema.json](schema/ravelin-config.schema.json). Begin with
[conf/ravelin.yaml](../conf/ravelin.yaml), or with one of [conf/examples](../conf/examples).

    ravelind --check FILE

needs no privilege, changes nothing, and tells everything that is wrong with a file at once, with
line and column. A reload does the same first; a file with an error changes nothing.

The file is read more strictly than YAML asks for:

- A key that isn't on this page, or stands twice, is an error.
- Truth values are `true` and `false`; `yes`, `no`, `on` and `off` are errors.
- Numbers are decimal, without sign, leading zero or quotes.
- Durations have a unit: `500ms`, `30s`, `5m`, `12h`, `5d`. A bare number is an error.
- Address blocks have no bits set behind their length: `192.0.2.0/24`, not `192.0.2.20/24`.
- Anchors, aliases, tags, tabs in the indentation and a second document are errors, and so are files
  over 1 MiB or deeper than 16 levels.

"Required" stands where there is no default; the rest may be left out.
)";

bool is_container(const Key& key) {
    return key.format == Format::Section || key.format == Format::NamedSections ||
           key.format == Format::SectionList;
}

std::string code(const std::string& text) {
    return "`" + text + "`";
}

/// "Boolean" in the words of the page.
std::string value_column(const Key& key) {
    switch (key.format) {
        case Format::Boolean:
            return "`true`, `false`";
        case Format::Number:
            return key.minimum == key.maximum
                       ? code(std::to_string(key.minimum))
                       : std::to_string(key.minimum) + " to " + std::to_string(key.maximum);
        case Format::Duration:
            return format_duration(key.minimum * 1ms) + " to " + format_duration(key.maximum * 1ms);
        case Format::Word: {
            std::string words;
            for (const std::string_view word : key.words) {
                words += (words.empty() ? "" : ", ") + code(std::string{word});
            }
            return words;
        }
        case Format::Section:
        case Format::NamedSections:
        case Format::SectionList:
        case Format::Name:
        case Format::Reference:
        case Format::Device:
        case Format::AbsolutePath:
        case Format::FileMode:
        case Format::Endpoint:
        case Format::PublicKey:
        case Format::TextList:
        case Format::CpuList:
        case Format::EtherTypes:
        case Format::Protocol:
        case Format::Prefixes:
        case Format::PortRanges:
            break;
    }
    return expected(key);
}

std::string default_column(const Key& key, Draft& draft) {
    if (key.required) return "required";
    const std::string shown = show_value(key, draft);
    return shown.empty() ? "any" : code(shown);
}

/// One row. `head` is the section's path, which the key's own name follows.
std::string row(const Key& key, std::string_view head, bool profiles) {
    Draft strict = example_draft("strict");
    Draft linux_values = example_draft("linux");
    const std::string name = code(std::string{key.path.substr(head.size())});
    if (is_container(key)) {
        return "| " + name + " | section | | " + (profiles ? "| " : "") + std::string{key.doc} +
               " |\n";
    }
    std::string text = "| " + name + " | " + value_column(key) + " | ";
    if (profiles) {
        const bool per_profile = key.path != "conntrack.profile";
        text += default_column(key, strict) + " | " +
                (per_profile ? default_column(key, linux_values) : std::string{}) + " | ";
    } else {
        text += default_column(key, strict) + " | ";
    }
    return text + std::string{key.doc} + " |\n";
}

std::string table_head(bool profiles) {
    return profiles ? "| key | value | `strict` | `linux` | meaning |\n|---|---|---|---|---|\n"
                    : "| key | value | default | meaning |\n|---|---|---|---|\n";
}

/// All keys below a top-level section, elements' keys without the `*` and `[]`.
std::string section_text(const Key& section) {
    const bool profiles = section.path == "conntrack";
    std::string head{section.path};
    if (section.format == Format::NamedSections) head += ".*";
    if (section.format == Format::SectionList) head += "[]";
    head += '.';
    std::string text = "\n## " + std::string{section.path} + "\n\n" + std::string{section.doc} +
                       "\n\n" + table_head(profiles);
    for (const Key& key : all_keys()) {
        if (key.path.substr(0, head.size()) == head && !key.inherits)
            text += row(key, head, profiles);
    }
    return text;
}

std::string names(std::span<const NamedNumber> table) {
    std::string text;
    std::string_view last;
    for (const NamedNumber& entry : table) {
        if (entry.name == last) continue;
        last = entry.name;
        if (!text.empty()) text += ", ";
        text += code(std::string{last});
    }
    return text;
}

}  // namespace

std::string config_reference_markdown() {
    std::string page{kIntroduction};
    page += "\n## Top level\n\n" + table_head(false);
    std::string sections;
    for (const Key* key : keys_under("")) {
        page += row(*key, "", false);
        if (is_container(*key)) sections += section_text(*key);
    }
    page += sections;
    page += "\n## Names\n\nProtocols that `rules` know by name: " + names(protocol_names()) +
            ". Others go by their IANA number.\n\n`rules` with ports match TCP, UDP and SCTP; "
            "without `protocol` they match all three.\n\nWhat `non_ip` knows by name: " +
            names(ether_type_names()) +
            ". `stp` and `llc` are the same: every frame with a length in place of the EtherType "
            "(spanning tree, IS-IS). `mpls` is both of its EtherTypes, `pppoe` discovery and "
            "session.\n";
    return page;
}

}  // namespace ravelin
