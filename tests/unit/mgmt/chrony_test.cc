// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/chrony.h"

#include "base/byteorder.h"
#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <random>
#include <sys/socket.h>

namespace ravelin {
namespace {

using testing::Bytes;

// What chronyd 4.3 answered, and what chronyc printed of it:
// 0A090002,10.9.0.2,4,1795812866.246672659,-0.000002520,-0.000000052,0.000001054,-0.028,-0.001,
// 0.194,0.000009843,0.000002053,0.5,Normal
constexpr std::string_view kFollowing =
    "06020000002100050000000000000000115548580000000000000000"
    "0a0900020a090002000000000000000000000000000100000004000000000000"
    "6b09ee020eb3ed13df56e438d3204b88dc8d7981f91a96d6ef291011fec6552c"
    "e2a5235dde89c74e028285ae";
constexpr uint32_t kSequence = 0x11554858;

Bytes following() {
    return testing::from_hex(kFollowing);
}

TEST(ChronyReply, is_read_as_chronyc_reads_it) {
    const auto tracking = read_chrony_reply(following(), kSequence);
    ASSERT_TRUE(tracking);
    EXPECT_TRUE(tracking->synchronised);
    EXPECT_EQ(tracking->source, "10.9.0.2");
    EXPECT_EQ(tracking->stratum, 4);
    EXPECT_EQ(tracking->reference_time, 1795812866s + 246672659ns);
    EXPECT_NEAR(static_cast<double>(tracking->last_offset.count()), -52, 1);
    EXPECT_NEAR(static_cast<double>(tracking->rms_offset.count()), 1054, 1);
    EXPECT_NEAR(static_cast<double>(tracking->root_delay.count()), 9843, 1);
    EXPECT_NEAR(static_cast<double>(tracking->root_dispersion.count()), 2053, 1);
    EXPECT_EQ(tracking->root_distance(), tracking->root_delay / 2 + tracking->root_dispersion);
    EXPECT_EQ(tracking->to_string(), "10.9.0.2, stratum 4");
}

struct Source {
    const char* what;
    uint32_t id;
    uint16_t family;
    const char* text;
};

TEST(ChronyReply, names_every_kind_of_source) {
    const Source sources[] = {{"an IPv6 address is hashed", 0x12345678, 2, "a09:2::"},
                              {"local stratum", 0x7f7f0101, 0, "its own clock"},
                              {"a receiver", 0x47505300, 0, "reference clock GPS"},
                              {"none", 0, 0, ""}};
    for (const Source& source : sources) {
        SCOPED_TRACE(source.what);
        Bytes reply = following();
        store_be32(&reply[28], source.id);
        store_be16(&reply[48], source.family);
        EXPECT_EQ(read_chrony_reply(reply, kSequence)->source, source.text);
    }
}

TEST(ChronyReply, without_a_source_isn_t_synchronised) {
    Bytes reply = following();
    store_be16(&reply[54], 3);
    const auto tracking = read_chrony_reply(reply, kSequence);
    EXPECT_FALSE(tracking->synchronised);
    EXPECT_EQ(tracking->to_string(), "no source that it can follow");
}

TEST(ChronyReply, is_only_taken_when_it_answers_the_request) {
    EXPECT_FALSE(read_chrony_reply(following(), kSequence + 1));
    for (const size_t at :
         {0U, 1U, 5U, 7U, 9U, 16U}) {  // version, kind, command, answer, status, number
        Bytes reply = following();
        reply[at] ^= 1;
        EXPECT_FALSE(read_chrony_reply(reply, kSequence)) << "byte " << at;
    }
    for (size_t size = 0; size < kChronyMessageBytes; ++size) {
        Bytes reply = following();
        reply.resize(size);
        EXPECT_FALSE(read_chrony_reply(reply, kSequence)) << size << " bytes";
    }
}

TEST(ChronyReply, of_any_content_is_read_within_its_bounds) {
    std::mt19937 random{7};
    for (int i = 0; i < 20'000; ++i) {
        Bytes reply = following();
        for (size_t at = 28; at < reply.size(); ++at)
            reply[at] = static_cast<uint8_t>(random());
        const auto tracking = read_chrony_reply(reply, kSequence);
        ASSERT_TRUE(tracking);
        EXPECT_GE(tracking->reference_time, 0s);
        EXPECT_LE(std::chrono::abs(tracking->root_delay), Duration{1'000'000'000s});
    }
}

/// A chronyd that answers what a test wants.
class Chronyd {
  public:
    Chronyd() : socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof own;
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&own), size), 0);
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
        port = ntohs(own.sin_port);
    }

    /// The number of requests that came, of so many at most; each gets an answer.
    int answer(int most = 100) {
        int requests = 0;
        Bytes request(1500);
        sockaddr_in from{};
        socklen_t size = sizeof from;
        for (; requests < most; ++requests) {
            const ssize_t got = ::recvfrom(socket_.get(), request.data(), request.size(), 0,
                                           reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 0) return requests;
            EXPECT_EQ(static_cast<size_t>(got), kChronyMessageBytes);
            EXPECT_EQ(load_be32(request.data()), 0x06010000U);
            EXPECT_EQ(load_be32(&request[4]), 33U << 16);
            Bytes reply = following();
            store_be32(&reply[16], load_be32(&request[8]));
            ::sendto(socket_.get(), reply.data(), reply.size(), 0,
                     reinterpret_cast<const sockaddr*>(&from), size);
        }
        return requests;
    }

    uint16_t port = 0;

  private:
    Fd socket_;
};

TEST(ChronyClient, asks_every_ten_seconds_and_forgets_who_fell_silent) {
    Chronyd chronyd;
    ChronyClient client{chronyd.port};
    Instant now{100s};
    EXPECT_FALSE(client.look(now)) << "asked, not answered yet";
    EXPECT_EQ(chronyd.answer(), 1);
    ASSERT_TRUE(client.look(now += 1s));
    EXPECT_EQ(client.look(now)->source, "10.9.0.2");
    EXPECT_EQ(chronyd.answer(), 0) << "it isn't time yet";
    client.look(now += 9s);
    EXPECT_EQ(chronyd.answer(), 1);
    EXPECT_TRUE(client.look(now += 1s));
    EXPECT_TRUE(client.look(now + ChronyClient::kSilent)) << "an answer may get lost";
    EXPECT_FALSE(client.look(now + ChronyClient::kSilent + 1s));
}

TEST(ChronyClient, an_answer_to_an_older_request_is_none) {
    Chronyd chronyd;
    ChronyClient client{chronyd.port};
    client.look(Instant{100s});
    client.look(Instant{110s});
    EXPECT_EQ(chronyd.answer(1), 1);
    EXPECT_FALSE(client.look(Instant{111s}));
    EXPECT_EQ(chronyd.answer(1), 1);
    EXPECT_TRUE(client.look(Instant{112s}));
}

TEST(ChronyClient, does_without_one) {
    uint16_t nobody = 0;
    { nobody = Chronyd{}.port; }
    ChronyClient client{nobody};
    for (Instant now{}; now < Instant{60s}; now += 1s)
        EXPECT_FALSE(client.look(now));
}

}  // namespace
}  // namespace ravelin
