// SPDX-License-Identifier: BSD-3-Clause
#include "packet/drop_reason.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>

namespace ravelin {
namespace {

TEST(DropReason, every_reason_has_its_own_row_keyword_sentence_and_fix) {
    std::set<std::string_view> keywords;
    std::set<std::string_view> sentences;
    for (size_t i = 0; i < kDropReasonCount; ++i) {
        const DropReasonInfo& info = kDropReasons[i];
        SCOPED_TRACE(info.keyword);
        EXPECT_EQ(static_cast<size_t>(info.reason), i);
        EXPECT_EQ(keyword(static_cast<DropReason>(i)), info.keyword);
        EXPECT_TRUE(keywords.insert(info.keyword).second);
        EXPECT_TRUE(sentences.insert(info.sentence).second);
        EXPECT_GT(info.sentence.size(), 15U);
        EXPECT_GT(info.fix.size(), 10U);
        EXPECT_EQ(info.fix.back(), '.');
    }
}

TEST(DropReason, sentences_continue_a_line_and_fixes_are_sentences) {
    for (const DropReasonInfo& info : kDropReasons) {
        SCOPED_TRACE(info.keyword);
        const auto first = static_cast<unsigned char>(info.sentence.front());
        EXPECT_TRUE(std::islower(first) != 0 || info.sentence.starts_with("IP"));
        EXPECT_NE(info.sentence.back(), '.');
        EXPECT_NE(std::isupper(static_cast<unsigned char>(info.fix.front())), 0);
    }
}

TEST(DropReason, released_keywords_never_change) {
    EXPECT_EQ(keyword(DropReason::Ipv4Checksum), "ipv4_checksum");
    EXPECT_EQ(keyword(DropReason::Ipv6ExtensionTruncated), "ipv6_exthdr_truncated");
    EXPECT_EQ(keyword(DropReason::MartianSource), "martian_source");
    EXPECT_EQ(keyword(DropReason::FragmentOverlap), "fragment_overlap");
    EXPECT_EQ(keyword(DropReason::L4Malformed), "l4_malformed");
    EXPECT_EQ(keyword(DropReason::TcpWindow), "tcp_window");
    EXPECT_EQ(keyword(DropReason::PolicyDefault), "policy_default");
    EXPECT_EQ(keyword(DropReason::TransmitFull), "tx_full");
}

}  // namespace
}  // namespace ravelin
