// SPDX-License-Identifier: BSD-3-Clause
// Every sequence of a given length, through the specification and through lib/conntrack.
//
//   spec [--length N]     of TCP segments (default 4; 5 takes a minute or two); UDP and ICMP have 5
#include "spec/worlds.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace ravelin::spec {

namespace {

constexpr size_t kQueryLength = 5;

constexpr std::array<std::string_view, 5> kClasses{"NEW", "ESTABLISHED", "RELATED", "INVALID",
                                                   "UNTRACKED"};

struct Tally {
    unsigned passed = 0;
    unsigned failed = 0;
};

template <class World>
void compare(const std::string& name, Device& device, const World& start, size_t length,
             Tally& tally, const std::vector<size_t>& beginning = {}) {
    const auto began = std::chrono::steady_clock::now();
    Walk<World> walk{device, length};
    walk.run(start, beginning);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const bool good = walk.differences() == 0;
    ++(good ? tally.passed : tally.failed);
    std::printf("%s %s: %llu sequences of %zu agree, %llu differ, %.1f s\n",
                good ? "passed" : "FAILED", name.c_str(),
                static_cast<unsigned long long>(walk.sequences()), length,
                static_cast<unsigned long long>(walk.differences()), took.count());
}

/// Symbols of TcpWorld with the next number: S, SA, FA and A of the client, then of the server.
enum : size_t { kS = 0, kA = 9, kFA = 6, kServerSA = 21, kServerFA = 24, kServerA = 27 };

/// Where a connection may already be, so that short sequences reach the closing states, too.
struct Beginning {
    const char* name;
    std::vector<size_t> symbols;
};
const std::vector<Beginning> kBeginnings{
    {"established", {kS, kServerSA, kA, kServerA}},
    {"half closed", {kS, kServerSA, kA, kFA, kServerA}},
    {"last ack", {kS, kServerSA, kA, kServerFA, kFA}},
    {"time wait", {kS, kServerSA, kA, kFA, kServerFA, kA}},
    {"heard from the middle", {kA, kServerA, kA}},
};

void compare_all(Profile profile, size_t tcp_length, Tally& tally) {
    // The numbers wrap under one of two hosts, whichever it is; an RST may answer a SYN with 0.
    static const std::array<TcpWorld::Setup, 4> kSetups{{
        {.name = "tcp", .initial = {0xfffffff0U, 0}},
        {.name = "tcp, numbers that wrap in the reply", .initial = {1000, 0xffffffc0U}},
        {.name = "tcp, a little beyond the window", .initial = {0x7fffffc0U, 5000}, .ahead = 1001},
        {.name = "tcp, scaled windows", .initial = {7, 0x7fffffc0U}, .ahead = 3000, .scale = 2},
    }};
    const std::string suffix = profile == Profile::Strict ? " (strict)" : " (linux)";
    Device device{profile};
    for (const TcpWorld::Setup& setup : kSetups) {
        compare(setup.name + suffix, device, TcpWorld{device, profile, setup}, tcp_length, tally);
    }
    for (const TcpWorld::Setup& setup : kSetups) {
        for (const Beginning& beginning : kBeginnings) {
            compare(setup.name + " from " + beginning.name + suffix, device,
                    TcpWorld{device, profile, setup}, tcp_length - 1, tally, beginning.symbols);
        }
    }
    compare("udp" + suffix, device, UdpWorld{device, profile}, kQueryLength, tally);
    compare("icmp" + suffix, device, IcmpWorld{device, profile}, kQueryLength, tally);
}

}  // namespace

std::string describe(const Seen& seen) {
    std::string text{kClasses.at(static_cast<size_t>(seen.ct_class))};
    for (size_t i = 0; i < seen.count; ++i) {
        const Visible& each = seen.connections[i];
        text += "; ";
        text += each.opener == Side::Client ? "client's" : "server's";
        if (each.query != 0) text += " query " + std::to_string(each.query >> 8);
        if (!each.state.empty()) text.append(" ").append(each.state);
        text += " " + std::to_string(each.left.count() / 1000) + " s";
        if (!each.seen_reply) text += " unreplied";
        if (each.assured) text += " assured";
    }
    if (seen.count == 0) text += "; no connection";
    return text;
}

}  // namespace ravelin::spec

int main(int count, char** arguments) {
    using ravelin::spec::Profile;
    size_t length = 4;
    if (count == 3 && std::strcmp(arguments[1], "--length") == 0) {
        length = std::strtoul(arguments[2], nullptr, 10);
    } else if (count != 1) {
        std::fprintf(stderr, "usage: spec [--length N]\n");
        return 2;
    }
    ravelin::spec::Tally tally;
    for (const Profile profile : {Profile::Linux, Profile::Strict})
        ravelin::spec::compare_all(profile, length, tally);
    std::printf("%u passed, %u failed\n", tally.passed, tally.failed);
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
