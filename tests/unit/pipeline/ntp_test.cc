// SPDX-License-Identifier: BSD-3-Clause
// NTP through the wire: who asks whom, and what the answers say.
#include "packet/ntp.h"

#include "support/lab.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kClient = "192.0.2.20";
constexpr const char* kServer = "203.0.113.1";

struct Message {
    uint8_t first = 0x23;  ///< leap 0, version 4, mode 3
    uint8_t stratum = 0;
    uint32_t reference = 0;
    uint64_t originate = 0;
    uint64_t receive = 0;
    uint64_t transmit = 0;
};

void put64(Bytes& bytes, size_t at, uint64_t value) {
    for (size_t i = 0; i < 8; ++i)
        bytes[at + i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

Bytes payload(const Message& message) {
    Bytes bytes(NtpPacket::kLength);
    bytes[0] = message.first;
    bytes[1] = message.stratum;
    testing::put32(bytes, 12, message.reference);
    put64(bytes, 24, message.originate);
    put64(bytes, 32, message.receive);
    put64(bytes, 40, message.transmit);
    return bytes;
}

/// A client inside and a server outside.
class Ntp : public ::testing::Test {
  protected:
    Fate ask(uint16_t port, uint64_t transmit, uint64_t receive = 0) {
        const Message message{.receive = receive, .transmit = transmit};
        return lab.pass(kInside, PacketBuilder{}
                                     .ipv4(kClient, kServer)
                                     .udp(port, 123)
                                     .payload(payload(message))
                                     .build());
    }
    Fate answer(uint16_t port, Message message) {
        message.first = static_cast<uint8_t>((message.first & 0xf8) | 4);
        return lab.pass(kOutside, PacketBuilder{}
                                      .ipv4(kServer, kClient)
                                      .udp(123, port)
                                      .payload(payload(message))
                                      .build());
    }
    std::vector<NtpRecord> records() {
        std::vector<NtpRecord> out(NtpTable::kCapacity);
        Request request;
        request.kind = Request::Kind::Ntp;
        request.ntp = out;
        EXPECT_TRUE(lab.links[0]->requests.push(&request));
        lab.run();
        EXPECT_TRUE(request.at_end);
        out.resize(request.written);
        return out;
    }
    NtpRecord record() {
        const std::vector<NtpRecord> all = records();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? NtpRecord{} : all.front();
    }
    [[nodiscard]] const WorkerCounters& counters() const { return lab.links[0]->counters; }

    Lab lab{1, Lab::open_policy()};
};

TEST_F(Ntp, a_request_and_its_answer_are_written_down_with_all_times) {
    lab.clock.advance(100s);
    const Instant asked = lab.clock.now();
    EXPECT_EQ(ask(40000, 0x1111).action, Action::Forward);
    lab.clock.advance(20ms);
    EXPECT_EQ(answer(40000, {.stratum = 2,
                             .reference = 0xc0000201,
                             .originate = 0x1111,
                             .receive = 0x2222,
                             .transmit = 0x3333})
                  .action,
              Action::Forward);
    const NtpRecord seen = record();
    EXPECT_EQ(seen.client.to_string(), kClient);
    EXPECT_EQ(seen.server.to_string(), kServer);
    EXPECT_TRUE(seen.client_inside);
    EXPECT_EQ(seen.requests, 1U);
    EXPECT_EQ(seen.answers, 1U);
    EXPECT_EQ(seen.unanswered, 0U);
    EXPECT_EQ(seen.last_request, asked);
    EXPECT_EQ(seen.asked, asked);
    EXPECT_EQ(seen.last_answer, asked + 20ms);
    EXPECT_TRUE(seen.synchronised);
    EXPECT_EQ(seen.stratum, 2);
    EXPECT_EQ(seen.reference_id, 0xc0000201);
    EXPECT_EQ(seen.client_sent, 0x1111U);
    EXPECT_EQ(seen.server_got, 0x2222U);
    EXPECT_EQ(seen.server_sent, 0x3333U);
    EXPECT_EQ(counters().ntp_requests.value(), 1U);
    EXPECT_EQ(counters().ntp_answers.value(), 1U);
}

TEST_F(Ntp, another_port_is_the_same_client_and_one_connection_may_ask_again) {
    ask(40000, 1);
    answer(40000, {.stratum = 2, .originate = 1});
    ask(40001, 2);
    ask(40001, 3);
    NtpRecord seen = record();
    EXPECT_EQ(seen.requests, 3U);
    EXPECT_EQ(seen.answers, 1U);
    EXPECT_EQ(seen.unanswered, 2U);
    answer(40001, {.stratum = 2, .originate = 2});
    EXPECT_EQ(record().unanswered, 2U) << "that is the answer to an older request";
    answer(40001, {.stratum = 2, .originate = 3});
    EXPECT_EQ(record().unanswered, 0U);
    answer(40001, {.stratum = 2, .originate = 3});
    EXPECT_EQ(record().answers, 2U) << "a copy is no answer";
}

TEST_F(Ntp, an_interleaved_answer_counts_but_says_nothing_of_the_time) {
    ask(40000, 1, 77);
    answer(40000, {.stratum = 2, .originate = 77, .receive = 5, .transmit = 6});
    EXPECT_EQ(record().answers, 1U);
    EXPECT_EQ(record().server_got, 0U);
    ask(40000, 2);
    answer(40000, {.stratum = 2, .originate = 0, .receive = 5, .transmit = 6});
    EXPECT_EQ(record().answers, 1U) << "0 is no time of an answer";
}

TEST_F(Ntp, a_server_that_follows_nobody_or_sends_a_kiss_of_death_is_told_apart) {
    struct Case {
        const char* name;
        uint8_t leap;
        uint8_t stratum;
        bool good;
    };
    uint64_t number = 0;
    uint64_t bad = 0;
    for (const Case& c : {Case{"primary", 0, 1, true}, Case{"leap second", 1, 15, true},
                          Case{"kiss of death", 3, 0, false}, Case{"leap", 3, 2, false},
                          Case{"stratum", 0, 16, false}, Case{"kiss alone", 0, 0, false}}) {
        ask(40000, ++number);
        answer(40000, {.first = static_cast<uint8_t>(c.leap << 6 | 4 << 3),
                       .stratum = c.stratum,
                       .originate = number});
        EXPECT_EQ(record().synchronised, c.good) << c.name;
        bad += c.good ? 0 : 1;
    }
    EXPECT_EQ(counters().ntp_bad_answers.value(), bad);
    EXPECT_EQ(counters().ntp_answers.value(), number - bad);
}

TEST_F(Ntp, what_is_no_request_is_left_alone_and_its_connection_never_looked_at_again) {
    const auto pass = [&](uint8_t first, size_t length) {
        Bytes bytes = payload({.first = first});
        bytes.resize(length);
        lab.pass(kInside,
                 PacketBuilder{}.ipv4(kClient, kServer).udp(41000, 123).payload(bytes).build());
    };
    pass(0x24, 48);  // an answer that nobody asked for
    pass(0x23, 47);
    pass(0x03, 48);  // version 0
    pass(0x2b, 48);  // version 5
    pass(0x21, 48);  // symmetric
    EXPECT_TRUE(records().empty());
    EXPECT_EQ(counters().ntp_requests.value(), 0U);
}

TEST_F(Ntp, errors_and_late_answers_do_no_harm) {
    ask(40000, 1);
    const Bytes request =
        PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 123).payload(payload({})).build();
    const Fate error = lab.pass(
        kOutside, PacketBuilder{}.ipv4(kServer, kClient).icmp_error(3, 3, request, 28).build());
    EXPECT_EQ(error.ct_class, CtClass::Related);
    ask(40000, 2);
    lab.wait(31s);
    EXPECT_EQ(answer(40000, {.stratum = 2, .originate = 2}).ct_class, CtClass::Stale);
    EXPECT_EQ(record().answers, 0U);
    EXPECT_EQ(record().unanswered, 2U);
}

TEST_F(Ntp, a_request_from_outside_is_known_as_such) {
    Lab open{1, Lab::allow_all()};
    open.pass(kOutside, PacketBuilder{}
                            .ipv4(kServer, kClient)
                            .udp(40000, 123)
                            .payload(payload({.transmit = 1}))
                            .build());
    uint32_t cursor = 0;
    uint32_t written = 0;
    std::vector<NtpRecord> out(4);
    EXPECT_TRUE(open.workers[0]->shard().ntp.dump(cursor, UINT32_MAX, out, written));
    ASSERT_EQ(written, 1U);
    EXPECT_FALSE(out[0].client_inside);
    EXPECT_EQ(out[0].client.to_string(), kServer);
}

TEST_F(Ntp, whoever_has_been_quiet_for_longest_gives_way) {
    for (uint32_t i = 0; i < 8 * NtpTable::kCapacity; ++i) {
        const std::string server =
            "203.0." + std::to_string(113 + (i >> 8)) + "." + std::to_string(i & 255);
        lab.pass(kInside, PacketBuilder{}
                              .ipv4(kClient, server)
                              .udp(5, 123)
                              .payload(payload({.transmit = i}))
                              .build());
        ask(40000, 1000 + i);
        lab.clock.advance(1ms);
    }
    const std::vector<NtpRecord> all = records();
    EXPECT_GT(all.size(), NtpTable::kCapacity * 9U / 10U);
    uint64_t asked = 0;
    for (const NtpRecord& each : all)
        if (each.server.to_string() == kServer) asked = each.requests;
    EXPECT_GE(asked, uint64_t{8} * NtpTable::kCapacity);
}

}  // namespace
}  // namespace ravelin
