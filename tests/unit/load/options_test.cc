// SPDX-License-Identifier: BSD-3-Clause
#include "load/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin::load {
namespace {

struct Parsed {
    std::variant<Options, int> result;
    std::string error;
};

Parsed parse(std::vector<std::string> words, bool with_ports = true) {
    words.insert(words.begin(), "ravelin-load");
    if (with_ports)
        words.insert(words.end(), {"--port", "net_memif0,id=0", "--port", "net_memif1,id=1"});
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    ::testing::internal::CaptureStderr();
    Parsed parsed{parse_options(static_cast<int>(arguments.size()), arguments.data()), {}};
    parsed.error = ::testing::internal::GetCapturedStderr();
    return parsed;
}

TEST(LoadOptions, Defaults) {
    const auto parsed = parse({});
    ASSERT_TRUE(std::holds_alternative<Options>(parsed.result)) << parsed.error;
    const auto& options = std::get<Options>(parsed.result);
    EXPECT_EQ(options.ports[0], "net_memif0,id=0");
    EXPECT_EQ(options.ports[1], "net_memif1,id=1");
    EXPECT_EQ(options.traffic.window, 512U);
    EXPECT_FALSE(options.only_new);
}

TEST(LoadOptions, AllOfThem) {
    const auto parsed = parse({"-n",
                               "1000000",
                               "--order",
                               "zipf",
                               "--zipf-exponent",
                               "0.9",
                               "--protocol",
                               "both",
                               "--family",
                               "6",
                               "--size",
                               "512",
                               "--server-port",
                               "1194",
                               "--icmp-errors",
                               "0.01",
                               "--fragments",
                               "0.02",
                               "--ignore-mac",
                               "--rate",
                               "1e6",
                               "--new-per-second",
                               "1000",
                               "--seconds",
                               "2",
                               "--timeout",
                               "0.5",
                               "--leave-open",
                               "--receive-queues",
                               "2",
                               "--descriptors",
                               "512",
                               "--cpu",
                               "1",
                               "--eal=--no-huge",
                               "--eal=-m 256",
                               "--json",
                               "-",
                               "--allow-loss",
                               "--quiet",
                               "--loopback"});
    ASSERT_TRUE(std::holds_alternative<Options>(parsed.result)) << parsed.error;
    const auto& options = std::get<Options>(parsed.result);
    EXPECT_EQ(options.traffic.order, Order::Zipf);
    EXPECT_EQ(options.traffic.families, Families::Ipv6);
    EXPECT_EQ(options.traffic.protocols, Protocols::Both);
    EXPECT_EQ(options.traffic.window, FramesInFlight::kMost) << "a rate needs room";
    EXPECT_EQ(options.new_per_second, 1000);
    EXPECT_EQ(options.eal, (std::vector<std::string>{"--no-huge", "-m 256"}));
}

TEST(LoadOptions, NothingButNewConnections) {
    const auto parsed = parse({"--new-per-second", "max"});
    ASSERT_TRUE(std::holds_alternative<Options>(parsed.result)) << parsed.error;
    EXPECT_TRUE(std::get<Options>(parsed.result).only_new);
}

TEST(LoadOptions, MistakesAreToldWithTheirOption) {
    const auto expect_usage = [](const Parsed& parsed, const std::string& word) {
        ASSERT_TRUE(std::holds_alternative<int>(parsed.result)) << word;
        EXPECT_EQ(std::get<int>(parsed.result), static_cast<int>(ExitCode::Usage));
        EXPECT_NE(parsed.error.find(word), std::string::npos) << parsed.error;
    };
    expect_usage(parse({"--connections", "0"}), "--connections");
    expect_usage(parse({"--connections", "many"}), "--connections");
    expect_usage(parse({"--order", "random"}), "--order");
    expect_usage(parse({"--size", "59"}), "--size");
    expect_usage(parse({"--size", "1515"}), "--size");
    expect_usage(parse({"--icmp-errors", "2"}), "--icmp-errors");
    expect_usage(parse({"--new-per-second", "all"}), "--new-per-second");
    expect_usage(parse({"--new-per-second", "-3"}), "--new-per-second");
    expect_usage(parse({"--new-per-second", "max", "--rate", "5"}), "--rate");
    expect_usage(parse({"--protocol", "tcp", "--fragments", "0.1"}), "--fragments");
    expect_usage(parse({"--rate", "-1"}), "--rate");
    expect_usage(parse({"--colour", "red"}), "--colour");
    expect_usage(parse({}, false), "--port");
    expect_usage(parse({"--port", "net_memif0"}, false), "two are needed");
    expect_usage(parse({"--port", "net_null0"}), "two are needed");
}

}  // namespace
}  // namespace ravelin::load
