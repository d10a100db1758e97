// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"
#include "config/reference.h"
#include "config/values.h"
#include "config/walk.h"
#include "config/yaml.h"
#include "unit/config/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <set>

namespace ravelin {
namespace {

using config_test::read_file;
using config_test::shown;
using config_test::source_path;
using testing::IsEmpty;

class Shipped : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, loads_without_findings) {
    const LoadResult result = load_config_text(read_file(source_path(GetParam())), GetParam());
    EXPECT_THAT(shown(result), IsEmpty());
    EXPECT_TRUE(result.config.has_value());
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (char& letter : name) {
        if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Conf, Shipped, testing::ValuesIn(config_test::shipped_files()), name_of);

TEST(ShippedFiles, all_of_conf_is_in_the_list_above) {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{source_path("conf")}) {
        if (entry.is_regular_file()) {
            found.insert(std::filesystem::relative(entry.path(), source_path(".")).string());
        }
    }
    EXPECT_THAT(config_test::shipped_files(), testing::UnorderedElementsAreArray(found));
}

/// Calls `visit(key, node)` for every key of the table that stands in the file, elements included.
template <class Visit>
void for_each_key(const config::Node& section, const std::string& path, Visit visit) {
    for (const config::Key* key : config::keys_under(path)) {
        const config::Node* value = section.find(config::last_name(*key));
        if (value == nullptr) continue;
        visit(*key, *value);
        const std::string below{key->path};
        if (key->format == config::Format::Section) for_each_key(*value, below, visit);
        for (const config::Node& item : value->items) {
            if (key->format == config::Format::NamedSections) {
                for_each_key(item, below + ".*", visit);
            } else if (key->format == config::Format::SectionList) {
                for_each_key(item, below + "[]", visit);
            }
        }
    }
}

config::Node tree_of(const std::string& text) {
    config::Findings findings;
    return config::read_yaml(text, findings).value_or(config::Node{});
}

TEST(ShippedDefault, every_key_stands_in_it) {
    std::set<std::string_view> missing;
    for (const config::Key& key : config::all_keys())
        if (!key.inherits) missing.insert(key.path);
    const config::Node root = tree_of(read_file(source_path("conf/ravelin.yaml")));
    for_each_key(root, "",
                 [&](const config::Key& key, const config::Node&) { missing.erase(key.path); });
    EXPECT_THAT(missing, IsEmpty());
}

/// The same draft that the reference page takes its defaults from.
config::Draft fresh_draft() {
    config::Draft draft;
    config::apply_profile(draft);
    draft.ports.emplace_back();
    draft.wires.emplace_back();
    draft.rules.emplace_back();
    draft.services.emplace_back();
    return draft;
}

TEST(ShippedDefault, every_value_in_it_is_the_keys_default) {
    const config::Node root = tree_of(read_file(source_path("conf/ravelin.yaml")));
    size_t compared = 0;
    for_each_key(root, "", [&](const config::Key& key, const config::Node& node) {
        const bool is_choice = key.required || key.path == "eal" || key.path.find("rules[]") == 0 ||
                               key.path == "services[].public_key" ||
                               std::holds_alternative<std::monostate>(key.field);
        if (is_choice) return;
        config::Draft written = fresh_draft();
        config::Findings findings;
        config::read_value(key, node, std::string{key.path}, written, findings);
        EXPECT_FALSE(findings.has_errors()) << key.path;
        config::Draft fresh = fresh_draft();
        EXPECT_EQ(config::show_value(key, written), config::show_value(key, fresh)) << key.path;
        ++compared;
    });
    EXPECT_GT(compared, 45U);
}

TEST(ShippedDefault, is_the_tracking_and_management_of_an_empty_file) {
    const LoadResult result =
        load_config_text(read_file(source_path("conf/ravelin.yaml")), "ravelin.yaml");
    ASSERT_TRUE(result.config.has_value());
    const Config fresh;
    EXPECT_EQ(result.config->tracking, fresh.tracking);
    EXPECT_EQ(result.config->connections, fresh.connections);
    EXPECT_EQ(result.config->http.listen, fresh.http.listen);
}

/// Asks the rules of a shipped file.
class ShippedRules {
  public:
    explicit ShippedRules(const std::string& file)
        : result_{load_config_text(read_file(source_path(file)), file)} {
        EXPECT_TRUE(result_.config.has_value()) << file;
    }

    bool allow(std::string_view from, uint8_t protocol, std::string_view source,
               std::string_view destination, uint16_t port) {
        if (!result_.config) return false;
        const std::vector<PortConfig>& ports = result_.config->ports;
        uint8_t index = 0;
        while (index < ports.size() && ports[index].name != from)
            ++index;
        const Query query{
            index, protocol, Address::parse(source).value(), Address::parse(destination).value(),
            40000, port};
        return result_.config->policy.judge(query).allow;
    }

  private:
    LoadResult result_;
};

TEST(ShippedDemo, lets_in_what_the_demo_shows_and_refuses_a_port_scan) {
    ShippedRules rules{"conf/demo.yaml"};
    const auto from_outside = [&](uint8_t protocol, uint16_t port) {
        return rules.allow("outside", protocol, "10.91.1.2", "10.91.2.2", port);
    };
    EXPECT_TRUE(from_outside(ip_protocol::kUdp, 1194));
    EXPECT_TRUE(from_outside(ip_protocol::kUdp, 7777));
    EXPECT_TRUE(from_outside(ip_protocol::kUdp, 33434));
    EXPECT_TRUE(from_outside(ip_protocol::kIcmp, 0));
    for (int port = 0; port <= 65535; ++port) {
        ASSERT_EQ(from_outside(ip_protocol::kTcp, static_cast<uint16_t>(port)), port == 5201)
            << port;
    }
    EXPECT_FALSE(from_outside(ip_protocol::kUdp, 53));
    EXPECT_FALSE(from_outside(ip_protocol::kEsp, 0));
    EXPECT_TRUE(rules.allow("inside", ip_protocol::kTcp, "10.91.2.2", "10.91.1.2", 80));
}

TEST(ShippedLoadTest, takes_all_that_testpmd_sends_from_either_side) {
    ShippedRules rules{"conf/loadtest.yaml"};
    for (const char* side : {"outside", "inside"}) {
        EXPECT_TRUE(rules.allow(side, ip_protocol::kUdp, "10.254.0.0", "10.253.3.255", 1001));
        EXPECT_TRUE(rules.allow(side, ip_protocol::kUdp, "198.18.0.1", "198.18.0.2", 9));
    }
}

TEST(ShippedExamples, let_in_their_vpn_and_nothing_else) {
    struct Expectation {
        const char* file;
        uint8_t protocol;
        const char* source;
        const char* destination;
        uint16_t port;
        bool allow;
    };
    for (const Expectation& one : {
             Expectation{"openvpn", 17, "203.0.113.5", "192.0.2.20", 1194, true},
             Expectation{"openvpn", 17, "2001:db8:5::5", "2001:db8::20", 1194, true},
             Expectation{"openvpn", 6, "203.0.113.5", "192.0.2.20", 443, true},
             Expectation{"openvpn", 17, "203.0.113.5", "192.0.2.20", 443, false},
             Expectation{"openvpn", 17, "203.0.113.5", "192.0.2.21", 1194, false},
             Expectation{"wireguard", 17, "198.51.100.5", "192.0.2.30", 51820, true},
             Expectation{"wireguard", 17, "203.0.113.5", "192.0.2.30", 51820, false},
             Expectation{"wireguard", 6, "198.51.100.5", "192.0.2.30", 51820, false},
             Expectation{"ipsec", 17, "203.0.113.5", "192.0.2.40", 500, true},
             Expectation{"ipsec", 17, "203.0.113.5", "192.0.2.40", 4500, true},
             Expectation{"ipsec", 50, "198.51.100.7", "192.0.2.40", 0, true},
             Expectation{"ipsec", 50, "203.0.113.5", "192.0.2.40", 0, false},
             Expectation{"ipsec", 51, "198.51.100.7", "192.0.2.40", 0, false},
         }) {
        const std::string file = std::string{"conf/examples/"} + one.file + ".yaml";
        ShippedRules rules{file};
        EXPECT_EQ(rules.allow("outside", one.protocol, one.source, one.destination, one.port),
                  one.allow)
            << file << " " << int{one.protocol} << " " << one.source << " " << one.port;
        EXPECT_TRUE(rules.allow("inside", 6, one.destination, one.source, 80));
    }
}

/// Compares a committed file with what the table says; with RAVELIN_GENERATE_DOCS set it is
/// written instead (tools/generate-docs).
void expect_generated(const std::string& file, const std::string& text) {
    if (std::getenv("RAVELIN_GENERATE_DOCS") != nullptr) {
        std::ofstream{source_path(file), std::ios::binary} << text;
    }
    EXPECT_EQ(read_file(source_path(file)), text) << file << " is old; run tools/generate-docs";
}

TEST(GeneratedDocs, the_committed_reference_page_is_the_tables) {
    expect_generated("docs/configuration.md", config_reference_markdown());
}

TEST(GeneratedDocs, the_committed_json_schema_is_the_tables) {
    expect_generated("docs/schema/ravelin-config.schema.json", config_json_schema());
}

TEST(GeneratedDocs, the_schema_is_json_and_knows_every_key) {
    const auto schema = nlohmann::json::parse(config_json_schema());
    for (const config::Key& key : config::all_keys()) {
        const nlohmann::json* at = &schema;
        std::string_view path = key.path;
        while (!path.empty()) {
            std::string_view name = path.substr(0, path.find('.'));
            path.remove_prefix(std::min(path.size(), name.size() + 1));
            const bool is_list = name.ends_with("[]");
            if (is_list) name.remove_suffix(2);
            at = name == "*" ? &at->at("additionalProperties")
                             : &at->at("properties").at(std::string{name});
            if (is_list) at = &at->at("items");
        }
        EXPECT_FALSE(at->empty()) << key.path;
    }
}

TEST(GeneratedDocs, every_key_has_its_line_of_meaning) {
    std::set<std::string_view> paths;
    for (const config::Key& key : config::all_keys()) {
        EXPECT_TRUE(paths.insert(key.path).second) << key.path << " stands twice";
        EXPECT_FALSE(key.doc.empty()) << key.path;
        EXPECT_EQ(key.doc.back(), '.') << key.path;
        EXPECT_EQ(key.doc.find('|'), std::string_view::npos) << key.path;
        EXPECT_LE(key.minimum, key.maximum) << key.path;
    }
}

}  // namespace
}  // namespace ravelin
