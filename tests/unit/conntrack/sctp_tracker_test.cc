// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/sctp_tracker.h"

#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <sstream>
#include <string>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr uint32_t kClientTag = 0x1111;  // packets of the server carry it
constexpr uint32_t kServerTag = 0x2222;  // packets of the client carry it

// The order of both tables below.
constexpr std::array<const char*, kSctpPhaseCount> kPhases{"NO", "CL", "CW", "CE", "ES",
                                                           "SS", "SR", "SA", "HS"};
struct ChunkName {
    const char* name;
    uint8_t type;
};
constexpr std::array<ChunkName, 12> kChunks{{{"init", 1},
                                             {"init_ack", 2},
                                             {"abort", 6},
                                             {"shutdown", 7},
                                             {"shutdown_ack", 8},
                                             {"error", 9},
                                             {"cookie_echo", 10},
                                             {"cookie_ack", 11},
                                             {"shutdown_complete", 14},
                                             {"heartbeat", 4},
                                             {"heartbeat_ack", 5},
                                             {"data", 0}}};

/// What Linux 6.18 did with one chunk under right tags, sent through a bridge: the state after it;
/// IV is INVALID. The first row is what no connection makes of it, tag 0x77.
constexpr std::array<const char*, 2> kMeasured{
    // init ack abort shutdown sh_ack error echo c_ack complete heartb hb_ack data
    "NO CL IV IV IV SA IV IV IV IV HS CL IV "
    "CL CL IV IV IV CL IV IV IV IV CL CL IV "
    "CW CW CW CL CW CW CW CE CW CW CW CW CW "
    "CE CE CE CL CE CE CE CE ES CE CE CE CE "
    "ES ES ES CL SS ES ES ES ES ES ES ES ES "
    "SS CL SS CL SS SA SS SS SS SS SS SS SS "
    "SR CL SR CL SR SA SR SR SR SR SR SR SR "
    "SA SA SA CL SA SA SA SA SA CL SA SA SA "
    "HS CW CL CL CL SA CL CL CL CL HS HS HS ",
    "CL CL CW CL CL CL CL CL CL CL CL CL CL "
    "CW CW CW CL CW CW CW CE CW CW CW CW CW "
    "CE CE CE CL CE CE CL CE ES CE CE CE CE "
    "ES ES ES CL SR ES ES ES ES ES ES ES ES "
    "SS SS SS CL SS SA SS SS SS SS SS SS SS "
    "SR SR SR CL SR SA SR SR SR SR SR SR SR "
    "SA SA SA CL SA SA SA SA SA CL SA SA SA "
    "HS IV IV IV IV IV IV IV IV IV HS ES IV "};

/// One association and the bytes of its packets.
class Association {
  public:
    SctpState state{};
    SctpPhase phase = SctpPhase::None;

    static Bytes packet(uint32_t tag, const PacketBuilder& chunks) {
        return PacketBuilder{chunks}.tag(tag).build();
    }
    static PacketBuilder blank() { return PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.2").sctp(1, 2); }
    static PacketBuilder one(const ChunkName& chunk, uint32_t own_tag) {
        PacketBuilder builder = blank();
        if (chunk.type == 1 || chunk.type == 2) return builder.sctp_init(chunk.type, own_tag);
        return builder.chunk(chunk.type, chunk.type == 0 ? Bytes(12) : Bytes{});
    }

    TrackStep receive(Direction direction, const Bytes& frame) {
        Headers headers;
        EXPECT_EQ(parse(frame, {}, false, headers), DropReason::None);
        const SctpPacket packet = SctpPacket::read(headers, frame.data() + headers.l4_offset);
        const TrackingOptions options = TrackingOptions::strict();
        if (phase != SctpPhase::None)
            return SctpTracker::update(state, phase, packet, direction, options);
        if (SctpTracker::open(packet, options, state, phase)) return {};
        return {.outcome = Outcome::Invalid};
    }
    TrackStep send(Direction direction, const ChunkName& chunk) {
        const bool original = direction == Direction::Original;
        const uint32_t own = original ? kClientTag : kServerTag;
        const uint32_t tag = chunk.type == 1 ? 0 : original ? kServerTag : kClientTag;
        return receive(direction, packet(tag, one(chunk, own)));
    }
    /// "> init, < init_ack": each must pass.
    void play(const std::string& script) {
        std::istringstream words{script};
        for (std::string side, name; words >> side >> name;) {
            const Direction direction = side == ">" ? Direction::Original : Direction::Reply;
            for (const ChunkName& chunk : kChunks) {
                if (name == chunk.name) {
                    EXPECT_EQ(send(direction, chunk).outcome, Outcome::Pass) << name;
                }
            }
        }
    }
};

constexpr const char* kHandshake = "> init < init_ack > cookie_echo < cookie_ack ";

std::string way_to(const std::string& phase) {
    if (phase == "NO") return "";
    if (phase == "CL") return "> init";
    if (phase == "CW") return "> init < init_ack";
    if (phase == "CE") return "> init < init_ack > cookie_echo";
    if (phase == "ES") return kHandshake;
    if (phase == "SS") return std::string{kHandshake} + "> shutdown";
    if (phase == "SR") return std::string{kHandshake} + "< shutdown";
    if (phase == "SA") return std::string{kHandshake} + "> shutdown < shutdown_ack";
    return "> heartbeat";
}

TEST(Sctp, every_cell_is_what_the_kernel_was_measured_to_do) {
    unsigned cells = 0;
    for (const Direction direction : {Direction::Original, Direction::Reply}) {
        std::istringstream rows{kMeasured[static_cast<size_t>(direction)]};
        for (std::string row; rows >> row;) {
            for (const ChunkName& chunk : kChunks) {
                SCOPED_TRACE(row + " " + chunk.name +
                             (direction == Direction::Reply ? " <" : " >"));
                std::string expected;
                rows >> expected;
                Association association;
                association.play(way_to(row));
                ASSERT_EQ(kPhases[static_cast<size_t>(association.phase)], row);
                TrackStep step;
                if (row == "NO" && chunk.type != 1) {
                    step = association.receive(
                        direction, Association::packet(0x77, Association::one(chunk, 9)));
                } else {
                    step = association.send(direction, chunk);
                }
                const bool invalid = expected == "IV";
                EXPECT_EQ(step.outcome, invalid ? Outcome::Invalid : Outcome::Pass);
                EXPECT_EQ(kPhases[static_cast<size_t>(association.phase)],
                          invalid ? row : expected);
                ++cells;
            }
        }
    }
    EXPECT_EQ(cells, 17 * kChunks.size());
}

TEST(Sctp, timeouts_are_the_kernels_and_each_phase_has_its_own) {
    const Timeouts timeouts;
    constexpr std::array kExpected{10s, 10s, 3s, 3s, 210s, 3s, 3s, 3s, 30s, 10s};
    for (size_t phase = 0; phase < kExpected.size(); ++phase)
        EXPECT_EQ(timeouts.sctp(static_cast<SctpPhase>(phase)), kExpected[phase]);
    Association association;
    association.play("> init < init_ack > cookie_echo");
    const TrackStep step = association.send(Direction::Reply, {"cookie_ack", 11});
    EXPECT_EQ(step.timeout, 210s);
    EXPECT_TRUE(step.assured);
    EXPECT_TRUE(step.changed);
    const TrackStep data = association.send(Direction::Original, {"data", 0});
    EXPECT_TRUE(data.renew);
    EXPECT_FALSE(data.assured);
}

TEST(Sctp, a_wrong_verification_tag_is_invalid_and_leaves_no_trace) {
    for (const ChunkName& chunk : kChunks) {
        // A heartbeat of another tag passes, a lone SHUTDOWN ACK needs none (RFC 9260 8.5.1 E).
        if (chunk.type == 4 || chunk.type == 8) continue;
        for (const Direction direction : {Direction::Original, Direction::Reply}) {
            SCOPED_TRACE(chunk.name);
            Association association;
            association.play(kHandshake);
            const SctpState before = association.state;
            const TrackStep step = association.receive(
                direction, Association::packet(0xbad, Association::one(chunk, 5)));
            EXPECT_EQ(step.outcome, Outcome::Invalid);
            EXPECT_EQ(step.reason, DropReason::ProtocolInvalid);
            EXPECT_EQ(association.phase, SctpPhase::Established);
            EXPECT_EQ(std::memcmp(&before, &association.state, sizeof before), 0);
        }
    }
}

TEST(Sctp, a_reflected_tag_counts_with_the_t_bit_only) {
    for (const bool t_bit : {false, true}) {
        for (const bool reflected : {false, true}) {
            Association association;
            association.play(kHandshake);
            const Bytes abort = Association::packet(reflected ? kServerTag : kClientTag,
                                                    Association::blank().chunk(6, {}, t_bit));
            EXPECT_EQ(association.receive(Direction::Reply, abort).outcome,
                      t_bit == reflected ? Outcome::Pass : Outcome::Invalid);
        }
    }
}

TEST(Sctp, a_refused_packet_moves_nothing_though_its_first_chunk_fits) {
    Association association;
    association.play(kHandshake);
    // A SHUTDOWN without a tag check, since an ABORT exempts the packet; the ABORT itself is wrong.
    const Bytes forged = Association::packet(0xbad, Association::blank().chunk(7).chunk(6));
    EXPECT_EQ(association.receive(Direction::Original, forged).outcome, Outcome::Invalid);
    EXPECT_EQ(association.phase, SctpPhase::Established);
}

TEST(Sctp, a_restarted_path_is_followed_when_the_other_side_answers_its_heartbeat) {
    Association association;
    association.play(kHandshake);
    const Bytes ask = Association::packet(0x5555, Association::blank().chunk(4));
    const TrackStep first = association.receive(Direction::Original, ask);
    EXPECT_EQ(first.outcome, Outcome::Pass);
    EXPECT_FALSE(first.renew);
    const Bytes answer = Association::packet(0x6666, Association::blank().chunk(5));
    EXPECT_EQ(association.receive(Direction::Original, answer).outcome, Outcome::Invalid);
    EXPECT_EQ(association.receive(Direction::Reply, answer).outcome, Outcome::Pass);
    EXPECT_EQ(association.state.tag[1], 0x6666U);
    EXPECT_EQ(association.receive(Direction::Original, ask).outcome, Outcome::Pass);
    EXPECT_EQ(association.state.tag[0], 0x5555U);
}

TEST(Sctp, both_may_begin_and_the_answers_to_each_are_told_apart) {
    Association association;
    association.play("> init");
    EXPECT_EQ(association.send(Direction::Reply, {"init", 1}).outcome, Outcome::Pass);
    // Both tags are known now; an INIT ACK with another one answers something else.
    const Bytes other = Association::packet(kClientTag, Association::blank().sctp_init(2, 0x9999));
    EXPECT_EQ(association.receive(Direction::Reply, other).outcome, Outcome::Invalid);
    association.play("< init_ack > cookie_echo < cookie_ack");
    EXPECT_EQ(association.phase, SctpPhase::Established);
}

// The next five were seen to be so on Linux 6.18, by the differential test.

TEST(Sctp, an_init_that_is_repeated_without_an_answer_renews_nothing) {
    Association association;
    association.play("> init");
    const TrackStep again = association.send(Direction::Original, {"init", 1});
    EXPECT_EQ(again.outcome, Outcome::Pass);
    EXPECT_FALSE(again.renew);
    EXPECT_TRUE(association.send(Direction::Reply, {"init_ack", 2}).renew);
}

TEST(Sctp, a_first_packet_s_tag_counts_for_its_own_direction_or_for_the_answer) {
    const Bytes data = Association::packet(0x77, Association::blank().chunk(0, Bytes(12)));
    struct First {
        uint8_t chunk;
        Outcome original;
        Outcome reply;
    };
    for (const First& first : {First{5, Outcome::Pass, Outcome::Invalid},     // HEARTBEAT ACK
                               First{8, Outcome::Invalid, Outcome::Pass}}) {  // SHUTDOWN ACK
        for (const Direction direction : {Direction::Original, Direction::Reply}) {
            Association association;
            const Bytes opening =
                Association::packet(0x77, Association::blank().chunk(first.chunk));
            ASSERT_EQ(association.receive(Direction::Original, opening).outcome, Outcome::Pass);
            EXPECT_EQ(association.receive(direction, data).outcome,
                      direction == Direction::Original ? first.original : first.reply);
        }
    }
}

TEST(Sctp, an_init_with_the_tag_that_is_known_is_no_beginning) {
    for (const uint32_t told : {0x77U, 0x99U}) {
        Association association;
        const auto receive = [&](Direction direction, uint32_t tag, const PacketBuilder& chunks) {
            return association.receive(direction, Association::packet(tag, chunks)).outcome;
        };
        ASSERT_EQ(receive(Direction::Original, 0x77, Association::blank().chunk(4)), Outcome::Pass);
        ASSERT_EQ(receive(Direction::Reply, 0x88, Association::blank().chunk(5)), Outcome::Pass);
        ASSERT_EQ(receive(Direction::Reply, 0, Association::blank().sctp_init(1, told)),
                  Outcome::Pass);
        // Its answer may bring a new tag only if that was one.
        EXPECT_EQ(receive(Direction::Original, told, Association::blank().sctp_init(2, 0x55)),
                  told == 0x77 ? Outcome::Invalid : Outcome::Pass);
    }
}

TEST(Sctp, a_cookie_ack_settles_who_began) {
    const Bytes answer = Association::packet(0x77, Association::blank().sctp_init(2, 0x55));
    for (const bool settled : {false, true}) {
        Association association;
        const auto receive = [&](Direction direction, uint32_t tag, const PacketBuilder& chunks) {
            return association.receive(direction, Association::packet(tag, chunks)).outcome;
        };
        ASSERT_EQ(receive(Direction::Original, 0x77, Association::blank().chunk(8)), Outcome::Pass);
        ASSERT_EQ(receive(Direction::Reply, 0, Association::blank().sctp_init(1, 0x77)),
                  Outcome::Pass);
        if (settled) {
            ASSERT_EQ(receive(Direction::Original, 0x77, Association::blank().chunk(11)),
                      Outcome::Pass);
        }
        EXPECT_EQ(association.receive(Direction::Original, answer).outcome,
                  settled ? Outcome::Invalid : Outcome::Pass);
    }
}

TEST(Sctp, what_was_established_for_a_moment_is_assured) {
    Association association;
    association.play("> init < init_ack > cookie_echo");
    const Bytes both = Association::packet(kClientTag, Association::blank().chunk(11).chunk(6));
    const TrackStep step = association.receive(Direction::Reply, both);
    EXPECT_EQ(step.outcome, Outcome::Pass);
    EXPECT_TRUE(step.assured);
    EXPECT_EQ(association.phase, SctpPhase::Closed);
}

struct Bad {
    const char* name;
    PacketBuilder packet;
};

TEST(Sctp, malformed_chunks_are_invalid) {
    const auto blank = [] { return Association::blank(); };
    const Bad cases[] = {
        {"no chunk", blank()},
        {"three bytes of a chunk", blank().payload(Bytes(3))},
        {"a chunk of length 0", blank().chunk(0, {}, 0, 0)},
        {"a second chunk of length 0", blank().chunk(0, Bytes(12)).chunk(3, {}, 0, 0)},
        {"INIT with something behind it", blank().sctp_init(1, 5).chunk(0, Bytes(12))},
        {"INIT behind something", blank().chunk(0, Bytes(12)).sctp_init(1, 5)},
        {"INIT ACK with something behind it", blank().sctp_init(2, 5).chunk(0, Bytes(12))},
        {"SHUTDOWN COMPLETE behind something", blank().chunk(0, Bytes(12)).chunk(14)},
        {"COOKIE ECHO behind something", blank().chunk(0, Bytes(12)).chunk(10)},
        {"COOKIE ACK behind something", blank().chunk(0, Bytes(12)).chunk(11)},
        {"an INIT that is cut short", blank().chunk(1, Bytes(8))},
    };
    for (const Bad& bad : cases) {
        SCOPED_TRACE(bad.name);
        Association association;
        association.play(kHandshake);
        const uint32_t tag = std::string{bad.name}.starts_with("an INIT") ? 0 : kServerTag;
        EXPECT_EQ(
            association.receive(Direction::Original, Association::packet(tag, bad.packet)).outcome,
            Outcome::Invalid);
        EXPECT_EQ(association.phase, SctpPhase::Established);
    }
}

TEST(Sctp, a_cookie_may_have_data_behind_it_and_a_last_chunk_may_be_cut) {
    Association association;
    association.play("> init < init_ack");
    const Bytes both =
        Association::packet(kServerTag, Association::blank().chunk(10).chunk(0, Bytes(12)));
    EXPECT_EQ(association.receive(Direction::Original, both).outcome, Outcome::Pass);
    EXPECT_EQ(association.phase, SctpPhase::CookieEchoed);
    // As in the kernel, a length that leads beyond the packet ends the walk.
    const Bytes beyond =
        Association::packet(kServerTag, Association::blank().chunk(0, {}, 0, 60000));
    EXPECT_EQ(association.receive(Direction::Original, beyond).outcome, Outcome::Pass);
}

TEST(Sctp, the_walk_over_chunks_ends_somewhere) {
    for (const size_t count : {512U, 513U}) {
        PacketBuilder builder = Association::blank();
        for (size_t i = 0; i < count; ++i)
            builder.chunk(3);
        Association association;
        association.play(kHandshake);
        EXPECT_EQ(association.receive(Direction::Original, Association::packet(kServerTag, builder))
                      .outcome,
                  count == 512 ? Outcome::Pass : Outcome::Invalid);
    }
}

TEST(Sctp, no_random_chunks_read_beyond_the_packet_or_leave_the_phases) {
    std::mt19937 random{1};
    Association association;
    for (int round = 0; round < 200'000; ++round) {
        // A heap copy of exactly these bytes: a read beyond them is the sanitizer's to find.
        std::vector<uint8_t> chunks(random() % 40);
        for (uint8_t& byte : chunks)
            byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : random() % 16);
        const std::array<uint32_t, 4> tags{0, kClientTag, kServerTag,
                                           static_cast<uint32_t>(random() % 8)};
        const SctpPacket packet{.tag = tags[random() % 4], .chunks = chunks};
        const auto direction = static_cast<Direction>(random() & 1);
        const SctpPhase before = association.phase;
        const TrackingOptions options;
        if (association.phase == SctpPhase::None) {
            SctpTracker::open(packet, options, association.state, association.phase);
        } else {
            const TrackStep step = SctpTracker::update(association.state, association.phase, packet,
                                                       direction, options);
            ASSERT_NE(association.phase, SctpPhase::None);
            if (step.outcome == Outcome::Invalid) {
                ASSERT_EQ(association.phase, before);
            }
        }
        ASSERT_LT(static_cast<size_t>(association.phase), kSctpPhaseCount);
        if (random() % 50 == 0) association = {};
    }
}

}  // namespace
}  // namespace ravelin
