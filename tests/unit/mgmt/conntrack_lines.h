// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/connection.h"
#include "conntrack/options.h"
#include "conntrack/record.h"
#include "mgmt/conntrack_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace ravelin::test {

/// Every line of a file of tests/unit/mgmt/data.
inline std::vector<std::string> data_lines(const std::string& name) {
    std::ifstream file{std::string{RAVELIN_TEST_DATA} + "/" + name};
    EXPECT_TRUE(file.is_open()) << name;
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

inline Address address(const std::string& text, Family& family) {
    Address result;
    std::array<uint8_t, 16> bytes{};
    if (text.find(':') == std::string::npos) {
        family = Family::Ipv4;
        EXPECT_EQ(inet_pton(AF_INET, text.c_str(), bytes.data()), 1) << text;
        result.bytes[10] = result.bytes[11] = 0xff;
        std::copy_n(bytes.begin(), 4, result.bytes.begin() + 12);
    } else {
        family = Family::Ipv6;
        EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes.data()), 1) << text;
        result.bytes = bytes;
    }
    return result;
}

/// Reads back what conntrack printed: the flow that a line is about. It knows just enough of the
/// grammar to do so; what conntrack appends for a deletion by hand is left out.
class ConntrackLineReader {
  public:
    explicit ConntrackLineReader(const std::string& line) : words_{line} {
        std::string word = next();
        if (word.starts_with("[") && word.find('.') != std::string::npos) {
            const size_t point = word.find('.');
            event.at = Instant{std::chrono::seconds{std::stoll(word.substr(1, point - 1))} +
                               std::chrono::microseconds{std::stoll(word.substr(point + 1, 6))}};
            word = next();
        }
        if (word == "[NEW]" || word == "[UPDATE]" || word == "[DESTROY]") {
            event.kind = word == "[NEW]"      ? EventKind::New
                         : word == "[UPDATE]" ? EventKind::Update
                                              : EventKind::Destroy;
            word = next();
        }
        flow().protocol = static_cast<uint8_t>(std::stoi(next()));
        flow().flags = connection_flag::kSeenReply;
        while (!(word = next()).empty() && word != "[USERSPACE]")
            read(word);
    }

    FlowEvent event;
    FlowRecord& flow() { return event.flow; }

  private:
    std::string next() {
        std::string word;
        words_ >> word;
        return word;
    }
    void read(const std::string& word) {
        const size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
        if (name == "src") ++tuples_;
        if (word == "[UNREPLIED]")
            flow().flags &= static_cast<uint8_t>(~connection_flag::kSeenReply);
        else if (word == "[ASSURED]")
            flow().flags |= connection_flag::kAssured;
        else if (equals == std::string::npos)
            read_bare(word);
        else if (name == "packets")
            flow().packets.at(tuples_ - 1) = std::stoull(value);
        else if (name == "bytes")
            flow().bytes.at(tuples_ - 1) = std::stoull(value);
        else if (name == "delta-time")
            flow().age = std::chrono::seconds{std::stoll(value)};
        else if (name == "id" && !(is_icmp(flow().protocol) && ids_++ < 2))
            flow().id = std::stoull(value);
        else if (tuples_ == 1)
            read_tuple(name, value);
    }
    void read_bare(const std::string& word) {
        if (word.find_first_not_of("0123456789") == std::string::npos) {
            // Half a second more than printed, as a real entry has.
            flow().remaining = std::chrono::seconds{std::stoll(word)} + 500ms;
            return;
        }
        for (uint8_t state = 0; state < kTcpPhaseCount; ++state)
            if (tcp_state_word(state) == word) flow().state = state;
        if (word == "CLOSED") flow().state = 1;
    }
    void read_tuple(const std::string& name, const std::string& value) {
        const auto number = [&] { return static_cast<uint16_t>(std::stoul(value, nullptr, 0)); };
        if (name == "src") flow().source = address(value, flow().family);
        if (name == "dst") flow().destination = address(value, flow().family);
        if (name == "sport" || name == "id") flow().source_port = number();
        if (name == "dport") flow().destination_port = number();
        if (name == "type") flow().destination_port = static_cast<uint16_t>(number() << 8);
        if (name == "code") flow().destination_port |= number();
    }

    std::istringstream words_;
    size_t tuples_ = 0;
    int ids_ = 0;
};

}  // namespace ravelin::test
