// SPDX-License-Identifier: BSD-3-Clause
#include "config/walk.h"

#include "config/keys.h"
#include "config/text.h"
#include "config/validate.h"
#include "config/values.h"

#include <algorithm>
#include <string>

namespace ravelin::config {
namespace {

/// " in rule 'vpn'" for messages about a section as a whole.
struct Scope {
    std::string path;     ///< of the table: "rules[]"
    std::string element;  ///< "rule 'vpn'"; empty outside elements
};

/// "conntrack.tcp.loose", or "mtu of port 'outside'" in an element.
std::string label_of(const Key& key, const Scope& scope) {
    if (scope.element.empty()) return std::string{key.path};
    const size_t head = key.path.find("[].") != std::string_view::npos ? key.path.find("[].") + 3
                                                                       : key.path.find("*.") + 2;
    return std::string{key.path.substr(head)} + " of " + scope.element;
}

/// "rule" for "rules[]".
std::string singular(std::string_view plural) {
    return std::string{plural.substr(0, plural.size() - 1)};
}

class Walker {
  public:
    Walker(Draft& draft, Findings& findings) : draft_{draft}, findings_{findings} {}

    void section(const Node& node, const Scope& scope) {
        const std::vector<const Key*> keys = keys_under(scope.path);
        report_unknown(node, keys, scope);
        for (const Key* key : keys) {
            const Node* value = node.find(last_name(*key));
            if (value != nullptr) {
                visit(*key, *value, scope);
            } else if (key->required) {
                findings_.error(node.place, "missing key '" + std::string{last_name(*key)} + "'" +
                                                where(scope) + ": expected " + expected(*key));
            }
        }
    }

  private:
    static std::string where(const Scope& scope) {
        if (!scope.element.empty()) return " in " + scope.element;
        return scope.path.empty() ? std::string{} : " in " + scope.path;
    }

    void report_unknown(const Node& node, const std::vector<const Key*>& keys, const Scope& scope) {
        std::vector<std::string_view> names;
        for (const Key* key : keys)
            names.push_back(last_name(*key));
        for (const Node& key : node.keys) {
            if (key.kind != Node::Kind::Scalar) continue;
            if (std::find(names.begin(), names.end(), key.text) != names.end()) continue;
            std::string hint = did_you_mean(key.text, names);
            if (hint.empty()) hint = elsewhere(key.text);
            findings_.error(key.place, "unknown key " + in_quotes(key.text) + where(scope) + hint);
        }
    }

    /// A key that is right but stands in the wrong section.
    static std::string elsewhere(std::string_view name) {
        for (const Key& key : all_keys()) {
            if (last_name(key) == name && key.path.find_first_of("*[") == std::string_view::npos) {
                return " (did you mean '" + std::string{key.path} + "'?)";
            }
        }
        return {};
    }

    void visit(const Key& key, const Node& value, const Scope& scope) {
        if (value.kind == Node::Kind::Refused) return;
        const std::string label = label_of(key, scope);
        switch (key.format) {
            case Format::Section:
                if (value.kind == Node::Kind::Map) {
                    section(value, {std::string{key.path}, scope.element});
                } else {
                    wrong(key, value, label);
                }
                return;
            case Format::NamedSections:
                return named(key, value, label);
            case Format::SectionList:
                return listed(key, value, label);
            case Format::Boolean:
            case Format::Number:
            case Format::Duration:
            case Format::Word:
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
        read_value(key, value, label, draft_, findings_);
        if (key.path == "conntrack.profile") apply_profile(draft_);
    }

    void wrong(const Key& key, const Node& value, const std::string& label) {
        findings_.error(value.place,
                        label + ": expected " + expected(key) + ", got " + describe(value));
    }

    /// `ports`: the keys are names.
    void named(const Key& key, const Node& value, const std::string& label) {
        if (value.kind != Node::Kind::Map || value.items.empty()) return wrong(key, value, label);
        for (size_t i = 0; i < value.keys.size(); ++i) {
            const Node& name = value.keys[i];
            if (name.kind != Node::Kind::Scalar) continue;
            draft_.ports.push_back({{}, name.place});
            draft_.ports.back().value.name = name.text;
            if (!is_name(name.text)) {
                findings_.error(name.place, singular(label) + " " + in_quotes(name.text) +
                                                ": expected " + expected(Format::Name));
            }
            element(value.items[i],
                    {std::string{key.path} + ".*", singular(label) + " " + in_quotes(name.text)});
        }
    }

    /// `wires`, `rules` and `services`: elements have a name inside.
    void listed(const Key& key, const Node& value, const std::string& label) {
        const bool too_few = key.required && value.items.empty();
        if (value.kind != Node::Kind::List || too_few) return wrong(key, value, label);
        for (size_t i = 0; i < value.items.size(); ++i) {
            const Node& item = value.items[i];
            if (item.kind == Node::Kind::Refused) continue;
            if (key.path == "wires") {
                draft_.wires.emplace_back().node = &item;
            } else if (key.path == "services") {
                draft_.services.emplace_back().node = &item;
            } else {
                draft_.rules.emplace_back().node = &item;
                draft_.rules.back().timeouts = draft_.config.tracking.timeouts;
            }
            const size_t errors_before = findings_.errors();
            const Node* name = item.find("name");
            const bool has_name =
                name != nullptr && name->kind == Node::Kind::Scalar && !name->text.empty();
            element(item, {std::string{key.path} + "[]",
                           singular(label) + " " +
                               (has_name ? in_quotes(name->text) : std::to_string(i + 1))});
            if (key.path == "rules") draft_.rules.back().good = findings_.errors() == errors_before;
        }
    }

    void element(const Node& value, const Scope& scope) {
        if (value.kind == Node::Kind::Refused) return;
        if (value.kind == Node::Kind::Map) return section(value, scope);
        findings_.error(value.place,
                        scope.element + ": expected a section with keys, got " + describe(value));
    }

    Draft& draft_;
    Findings& findings_;
};

}  // namespace

void walk(const Node& root, Draft& draft, Findings& findings) {
    if (root.kind == Node::Kind::Refused) return;
    if (root.kind != Node::Kind::Map) {
        findings.error(root.place, "expected 'key: value' lines, got " + describe(root));
        return;
    }
    apply_profile(draft);
    draft.eal_place = place_of(root, "eal");
    const Node* cores = root.find("cores");
    if (cores != nullptr) draft.workers_place = place_of(*cores, "workers");
    Walker{draft, findings}.section(root, {});
}

}  // namespace ravelin::config
