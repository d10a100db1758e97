// SPDX-License-Identifier: BSD-3-Clause
#include "config/reference.h"

#include "config/keys.h"
#include "config/values.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ravelin {
namespace {

using namespace config;
using Json = nlohmann::ordered_json;

constexpr const char* kNamePattern = "^[a-z][a-z0-9_-]{0,30}$";

Json json_names(std::span<const NamedNumber> table) {
    Json list = Json::array();
    for (const NamedNumber& entry : table) {
        if (list.empty() || list.back() != entry.name) list.push_back(entry.name);
    }
    return list;
}

Json one_or_list_of(const Json& item) {
    return {{"oneOf", Json::array({item, {{"type", "array"}, {"minItems", 1}, {"items", item}}})}};
}

Json object_schema(std::string_view path);

/// Elements of `ports`, `wires`, `rules`.
Json container_schema(const Key& key) {
    const std::string path{key.path};
    if (key.format == Format::NamedSections) {
        return {{"type", "object"},
                {"minProperties", 1},
                {"maxProperties", kMaxPorts},
                {"propertyNames", {{"pattern", kNamePattern}}},
                {"additionalProperties", object_schema(path + ".*")}};
    }
    Json schema{{"type", "array"}, {"items", object_schema(path + "[]")}};
    if (key.required) schema["minItems"] = 1;
    return schema;
}

/// Formats that are one text.
Json text_schema(const Key& key) {
    const auto pattern = [](const char* expression) {
        return Json{{"type", "string"}, {"pattern", expression}};
    };
    if (key.format == Format::Word) return {{"type", "string"}, {"enum", key.words}};
    if (key.format == Format::Name) return pattern(kNamePattern);
    if (key.format == Format::Reference) return pattern(kNamePattern);
    if (key.format == Format::AbsolutePath) return pattern("^/.{0,105}[^/]$");
    if (key.format == Format::FileMode) return pattern("^0[0-7]{3}$");
    if (key.format == Format::Endpoint) {
        return pattern("^(\\[[0-9a-fA-F:.]+\\]|[0-9.]+):[0-9]{1,5}$");
    }
    if (key.format == Format::PublicKey) return pattern("^[A-Za-z0-9+/]{43}=$");
    if (key.format == Format::Duration) return pattern("^(0|[1-9][0-9]*)(ms|s|m|h|d)$");
    return {{"type", "string"}, {"minLength", 1}};
}

Json value_schema(const Key& key) {
    switch (key.format) {
        case Format::Section:
            return object_schema(key.path);
        case Format::NamedSections:
        case Format::SectionList:
            return container_schema(key);
        case Format::Boolean:
            return {{"type", "boolean"}};
        case Format::Number:
            return {{"type", "integer"}, {"minimum", key.minimum}, {"maximum", key.maximum}};
        case Format::TextList:
            return {{"type", "array"}, {"items", {{"type", {"string", "integer"}}}}};
        case Format::CpuList:
            return {{"type", "array"},
                    {"minItems", 1},
                    {"maxItems", 64},
                    {"items", {{"type", "integer"}, {"minimum", 0}, {"maximum", 1023}}}};
        case Format::EtherTypes:
            // An unquoted 0x88cc reaches the validator as a number.
            return {
                {"type", "array"},
                {"items",
                 {{"anyOf",
                   Json::array({{{"enum", json_names(ether_type_names())}},
                                {{"type", "string"}, {"pattern", "^0x[0-9a-fA-F]{1,4}$"}},
                                {{"type", "integer"}, {"minimum", 1536}, {"maximum", 65535}}})}}}};
        case Format::Protocol:
            return {
                {"anyOf", Json::array({{{"enum", json_names(protocol_names())}},
                                       {{"type", "integer"}, {"minimum", 0}, {"maximum", 255}}})}};
        case Format::Prefixes:
            return one_or_list_of(
                {{"type", "string"}, {"pattern", "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"}});
        case Format::PortRanges:
            return one_or_list_of(
                {{"anyOf",
                  Json::array({{{"type", "integer"}, {"minimum", 0}, {"maximum", 65535}},
                               {{"type", "string"}, {"pattern", "^[0-9]{1,5}(-[0-9]{1,5})?$"}}})}});
        case Format::Word:
        case Format::Name:
        case Format::Reference:
        case Format::Device:
        case Format::AbsolutePath:
        case Format::FileMode:
        case Format::Endpoint:
        case Format::PublicKey:
        case Format::Duration:
            break;
    }
    return text_schema(key);
}

/// A default as JSON; null when there is none.
struct ToJson {
    const Key& key;
    Draft& draft;

    Json operator()(Access<bool> field) const { return field(draft); }
    Json operator()(Access<uint8_t> field) const { return field(draft); }
    Json operator()(Access<uint16_t> field) const {
        if (key.format != Format::FileMode) return field(draft);
        const std::string octal = show_value(key, draft);
        return octal.substr(1, octal.size() - 2);
    }
    Json operator()(Access<uint32_t> field) const { return field(draft); }
    Json operator()(Access<Duration>) const { return show_value(key, draft); }
    Json operator()(Access<std::string> field) const { return field(draft); }
    Json operator()(Access<std::vector<uint16_t>> field) const {
        Json list = Json::array();
        for (const uint16_t number : field(draft)) {
            if (key.format == Format::EtherTypes) {
                list.push_back(ether_type_name(number));
            } else {
                list.push_back(number);
            }
        }
        return list;
    }
    template <class Other>
    Json operator()(Other) const {
        return nullptr;
    }
};

Json default_of(const Key& key) {
    if (key.required || key.inherits || key.format == Format::Reference) return nullptr;
    Draft draft = example_draft("strict");
    return std::visit(ToJson{key, draft}, key.field);
}

Json object_schema(std::string_view path) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const Key* key : keys_under(path)) {
        const std::string name{last_name(*key)};
        Json schema = value_schema(*key);
        schema["description"] = key->doc;
        const Json standard = default_of(*key);
        if (!standard.is_null()) schema["default"] = standard;
        properties[name] = std::move(schema);
        if (key->required) required.push_back(name);
    }
    Json schema{{"type", "object"}, {"additionalProperties", false}};
    if (!required.empty()) schema["required"] = std::move(required);
    schema["properties"] = std::move(properties);
    return schema;
}

}  // namespace

std::string config_json_schema() {
    Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                {"title", "ravelin.yaml"},
                {"description",
                 "Configuration of ravelind. What a schema can't say (unique names, references, "
                 "rules that never match) `ravelind --check` does."}};
    schema.update(object_schema(""));
    return schema.dump(2) + "\n";
}

}  // namespace ravelin
