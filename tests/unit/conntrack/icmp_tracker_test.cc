// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/icmp_tracker.h"

#include <gtest/gtest.h>

#include <set>

namespace ravelin {
namespace {

constexpr Family kFamilies[] = {Family::Ipv4, Family::Ipv6};

Headers message(Family family, unsigned type, unsigned code = 0) {
    Headers headers;
    headers.family = family;
    headers.icmp_type = static_cast<uint8_t>(type);
    headers.icmp_code = static_cast<uint8_t>(code);
    return headers;
}

struct Opening {
    std::set<unsigned> requests;
    std::set<unsigned> replies;
};

void check_all_types(const TrackingOptions& options, Family family, const Opening& expected) {
    for (unsigned type = 0; type < 256; ++type) {
        for (unsigned code = 0; code < 256; ++code) {
            SCOPED_TRACE(::testing::Message() << "type " << type << " code " << code);
            IcmpState state;
            DropReason reason = DropReason::None;
            const bool opened =
                IcmpTracker::open(message(family, type, code), options, state, reason);
            EXPECT_EQ(opened, expected.requests.count(type) == 1);
            EXPECT_EQ(state.unanswered, opened ? 1 : 0);
            if (opened) {
                EXPECT_EQ(reason, DropReason::None);
            } else if (expected.replies.count(type) == 1) {
                EXPECT_EQ(reason, DropReason::IcmpReplyUnmatched);
            } else {
                EXPECT_EQ(reason, DropReason::IcmpTypeRefused);
            }
        }
    }
}

TEST(IcmpOpen, in_profile_strict_only_an_echo_request_opens) {
    check_all_types(TrackingOptions::strict(), Family::Ipv4, {{8}, {0, 14, 16, 18}});
    check_all_types(TrackingOptions::strict(), Family::Ipv6, {{128}, {129, 140}});
}

TEST(IcmpOpen, in_profile_linux_all_requests_with_a_reply_open) {
    check_all_types(TrackingOptions::linux_profile(), Family::Ipv4,
                    {{8, 13, 15, 17}, {0, 14, 16, 18}});
    check_all_types(TrackingOptions::linux_profile(), Family::Ipv6, {{128, 139}, {129, 140}});
}

TEST(IcmpOpen, the_obsolete_kinds_can_be_allowed_alone) {
    TrackingOptions options = TrackingOptions::strict();
    options.icmp_obsolete_queries = true;
    check_all_types(options, Family::Ipv4, {{8, 13, 15, 17}, {0, 14, 16, 18}});
}

class Query {
  public:
    explicit Query(const TrackingOptions& options, Family family = Family::Ipv4)
        : options_{options}, family_{family} {
        DropReason reason = DropReason::None;
        EXPECT_TRUE(IcmpTracker::open(message(family, family == Family::Ipv4 ? 8 : 128), options_,
                                      state, reason));
    }
    TrackStep request() { return step(Direction::Original); }
    TrackStep reply() { return step(Direction::Reply); }
    IcmpState state{};

  private:
    TrackStep step(Direction direction) {
        const TrackStep result = IcmpTracker::update(state, family_, direction, options_);
        EXPECT_EQ(result.timeout,
                  family_ == Family::Ipv4 ? options_.timeouts.icmp : options_.timeouts.icmpv6);
        EXPECT_TRUE(result.renew);
        EXPECT_FALSE(result.assured);
        EXPECT_EQ(result.reason, DropReason::None);
        return result;
    }
    TrackingOptions options_;
    Family family_;
};

TEST(IcmpStrict, the_reply_ends_the_connection) {
    for (const Family family : kFamilies) {
        Query query{TrackingOptions::strict(), family};
        EXPECT_EQ(query.reply().outcome, Outcome::PassAndEnd);
    }
}

TEST(IcmpStrict, it_ends_with_the_last_of_several_answers) {
    Query query{TrackingOptions::strict()};
    EXPECT_EQ(query.request().outcome, Outcome::Pass);
    EXPECT_EQ(query.request().outcome, Outcome::Pass);
    EXPECT_EQ(query.reply().outcome, Outcome::Pass);
    EXPECT_EQ(query.reply().outcome, Outcome::Pass);
    EXPECT_EQ(query.reply().outcome, Outcome::PassAndEnd);
}

TEST(IcmpStrict, an_unanswered_request_keeps_it_open) {
    Query query{TrackingOptions::strict()};
    query.request();  // one answer is lost
    EXPECT_EQ(query.reply().outcome, Outcome::Pass);
    EXPECT_EQ(query.request().outcome, Outcome::Pass);
    EXPECT_EQ(query.reply().outcome, Outcome::Pass);
}

TEST(IcmpStrict, a_count_that_ran_over_never_ends_the_connection_early) {
    Query query{TrackingOptions::strict()};
    for (int i = 0; i < 70000; ++i)
        EXPECT_EQ(query.request().outcome, Outcome::Pass);
    EXPECT_EQ(query.state.unanswered, 65535);
    for (int i = 0; i < 70000; ++i)
        EXPECT_EQ(query.reply().outcome, Outcome::Pass);
}

TEST(IcmpError, answers_one_of_the_requests_that_wait) {
    Query query{TrackingOptions::strict()};
    query.request();
    query.request();
    EXPECT_FALSE(IcmpTracker::refused(query.state));
    EXPECT_EQ(query.reply().outcome, Outcome::Pass);
    EXPECT_TRUE(IcmpTracker::refused(query.state));
    EXPECT_FALSE(IcmpTracker::refused(query.state)) << "nothing waits any more";
}

TEST(IcmpError, does_not_end_what_can_not_be_counted) {
    Query query{TrackingOptions::strict()};
    query.state.unanswered = 65535;
    EXPECT_FALSE(IcmpTracker::refused(query.state));
    EXPECT_EQ(query.state.unanswered, 65535);
}

TEST(IcmpLinux, no_reply_ends_the_connection) {
    for (const Family family : kFamilies) {
        Query query{TrackingOptions::linux_profile(), family};
        for (int i = 0; i < 5; ++i)
            EXPECT_EQ(query.reply().outcome, Outcome::Pass);
        EXPECT_EQ(query.request().outcome, Outcome::Pass);
        EXPECT_EQ(query.reply().outcome, Outcome::Pass);
    }
}

TEST(IcmpTimeout, both_families_have_their_own) {
    TrackingOptions options = TrackingOptions::strict();
    options.timeouts.icmp = 3s;
    options.timeouts.icmpv6 = 4s;
    EXPECT_EQ((Query{options, Family::Ipv4}.reply().timeout), 3s);
    EXPECT_EQ((Query{options, Family::Ipv6}.reply().timeout), 4s);
}

}  // namespace
}  // namespace ravelin
