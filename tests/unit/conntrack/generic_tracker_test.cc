// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/generic_tracker.h"

#include "packet/headers.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

TEST(GenericTracker, every_protocol_but_gre_has_600_s_and_is_never_assured) {
    for (unsigned protocol = 0; protocol < 256; ++protocol) {
        if (protocol == ip_protocol::kGre) continue;
        for (const bool seen_reply : {false, true}) {
            const TrackStep step = GenericTracker::update(static_cast<uint8_t>(protocol),
                                                          seen_reply, TrackingOptions::strict());
            EXPECT_EQ(step.outcome, Outcome::Pass);
            EXPECT_TRUE(step.renew);
            EXPECT_FALSE(step.assured);
            EXPECT_FALSE(step.changed);
            EXPECT_EQ(step.timeout, 600s);
        }
    }
}

TEST(GenericTracker, gre_has_30_s_until_a_packet_follows_a_reply_then_180_s_and_is_assured) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        const TrackStep first = GenericTracker::update(ip_protocol::kGre, false, options);
        EXPECT_EQ(first.timeout, 30s);
        EXPECT_FALSE(first.assured);
        const TrackStep second = GenericTracker::update(ip_protocol::kGre, true, options);
        EXPECT_EQ(second.timeout, 180s);
        EXPECT_TRUE(second.assured);
    }
}

TEST(GenericTracker, all_three_timeouts_can_be_set) {
    TrackingOptions options = TrackingOptions::strict();
    options.timeouts.generic = 1s;
    options.timeouts.gre_unreplied = 2s;
    options.timeouts.gre_replied = 3s;
    EXPECT_EQ(GenericTracker::update(ip_protocol::kEsp, true, options).timeout, 1s);
    EXPECT_EQ(GenericTracker::update(ip_protocol::kGre, false, options).timeout, 2s);
    EXPECT_EQ(GenericTracker::update(ip_protocol::kGre, true, options).timeout, 3s);
}

}  // namespace
}  // namespace ravelin
