// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal_arguments.h"

#include "dpdk/buffers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ravelin {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Config two_virtual_ports() {
    Config config;
    config.ports.resize(2);
    config.ports[0].name = "outside";
    config.ports[0].device = "net_memif0,role=server,id=0";
    config.ports[1].name = "inside";
    config.ports[1].device = "net_memif1,role=server,id=1";
    return config;
}

std::vector<std::string> arguments_of(const Config& config) {
    const auto arguments = eal_arguments(config, 77);
    EXPECT_TRUE(arguments.has_value()) << arguments.error().message;
    return arguments.value_or(std::vector<std::string>{});
}

/// The word after `option`.
std::string value_of(const std::vector<std::string>& arguments, const std::string& option) {
    for (size_t i = 0; i + 1 < arguments.size(); ++i) {
        if (arguments[i] == option) return arguments[i + 1];
    }
    return "(absent)";
}

TEST(EalArguments, name_one_lcore_for_management_and_one_for_each_worker) {
    struct Case {
        std::vector<uint16_t> management;
        std::vector<uint16_t> workers;
        std::string lcores;
    };
    const std::vector<Case> cases = {
        {{0}, {1}, "0@(0),1@1"},
        {{0, 4}, {1, 2, 3}, "0@(0,4),1@1,2@2,3@3"},
        {{0}, {0}, "0@(0),1@0"},
        {{0}, {1, 1, 1}, "0@(0),1@1,2@1,3@1"},
    };
    for (const Case& c : cases) {
        Config config = two_virtual_ports();
        config.cores.management = c.management;
        config.cores.workers = c.workers;
        EXPECT_EQ(value_of(arguments_of(config), "--lcores"), c.lcores);
        EXPECT_EQ(value_of(arguments_of(config), "--main-lcore"), "0");
    }
}

TEST(EalArguments, leave_no_files_and_touch_no_card_unless_told_to) {
    const auto arguments = arguments_of(two_virtual_ports());
    EXPECT_THAT(arguments, Contains("--in-memory"));
    EXPECT_THAT(arguments, Contains("--no-pci"));
    EXPECT_THAT(arguments, Contains("--no-telemetry"));
    EXPECT_EQ(value_of(arguments, "--file-prefix"), "ravelin-77");
}

TEST(EalArguments, without_hugepages_get_enough_memory_and_no_shared_configuration) {
    Config config = two_virtual_ports();
    config.eal = {"--no-huge"};
    const auto arguments = arguments_of(config);
    EXPECT_THAT(arguments, Not(Contains("--in-memory")));
    EXPECT_THAT(arguments, Contains("--no-shconf"));
    EXPECT_GT(std::stoull(value_of(arguments, "-m")) * 1024 * 1024, buffer_plan(config).bytes);
}

TEST(EalArguments, keep_what_the_operator_says) {
    Config config = two_virtual_ports();
    config.eal = {"--no-huge",          "-m 512",      "--no-shconf",
                  "--file-prefix=mine", "--telemetry", "--allow=0000:03:00.0"};
    const auto arguments = arguments_of(config);
    EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "-m"), 1);
    EXPECT_EQ(value_of(arguments, "-m"), "512");
    EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "--no-shconf"), 1);
    EXPECT_THAT(arguments, Contains("--file-prefix=mine"));
    EXPECT_THAT(arguments, Not(Contains("--file-prefix")));
    EXPECT_THAT(arguments, Not(Contains("--no-telemetry")));
    EXPECT_THAT(arguments, Not(Contains("--no-pci")));
}

TEST(EalArguments, allow_exactly_the_configured_cards) {
    Config config = two_virtual_ports();
    config.ports[0].device = "0000:03:00.0";
    config.ports[1].device = "0000:03:00.1,txq_inline=0";
    const auto arguments = arguments_of(config);
    EXPECT_THAT(arguments, Contains("0000:03:00.0"));
    EXPECT_THAT(arguments, Contains("0000:03:00.1,txq_inline=0"));
    EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "-a"), 2);
    EXPECT_THAT(arguments, Not(Contains("--no-pci")));
}

TEST(EalArguments, refuse_options_that_the_configuration_owns) {
    for (const std::string option : {"-l 0-3", "-c 0xf", "--lcores=0@1", "--main-lcore 1"}) {
        Config config = two_virtual_ports();
        config.eal = {option};
        const auto arguments = eal_arguments(config, 1);
        ASSERT_FALSE(arguments.has_value()) << option;
        EXPECT_THAT(arguments.error().message, HasSubstr("`cores:`"));
    }
}

TEST(EalArguments, tell_a_card_from_a_virtual_device) {
    for (const char* device : {"0000:03:00.0", "03:00.0", "0000:3b:00.1,rx_vec_en=0"})
        EXPECT_TRUE(is_pci_device(device)) << device;
    for (const char* device : {"net_memif0,role=server", "net_null0", "", "abc", "00:11"})
        EXPECT_FALSE(is_pci_device(device)) << device;
}

TEST(BufferPlan, has_room_for_every_descriptor_of_every_queue) {
    Config config = two_virtual_ports();
    config.cores.workers = {1, 2};
    config.ports[0].queues = 4;
    config.ports[0].descriptors = 512;
    config.ports[1].queues = 1;
    config.ports[1].descriptors = 2048;
    EXPECT_GT(buffer_plan(config).count, 512U * (4 + 4) + 2048U * (1 + 2));
}

TEST(BufferPlan, holds_a_whole_frame_of_the_largest_mtu_with_two_tags) {
    for (const uint16_t mtu : std::initializer_list<uint16_t>{576, 1500, 2000, 2030, 4000, 9216}) {
        Config config = two_virtual_ports();
        config.ports[1].mtu = mtu;
        EXPECT_GE(buffer_plan(config).data_room, 128U + 14 + 8 + mtu) << mtu;
    }
}

}  // namespace
}  // namespace ravelin
