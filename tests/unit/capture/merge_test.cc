// SPDX-License-Identifier: BSD-3-Clause
#include "capture/merge.h"

#include "unit/capture/capture_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::Recorded;
using testing::ScratchDirectory;

/// Captures of one-byte "frames"; times in milliseconds.
class Merge : public ::testing::Test {
  protected:
    using Times = std::vector<int64_t>;

    CaptureMerge merge(const std::vector<Times>& captures) {
        CaptureMerge merged;
        for (size_t port = 0; port < captures.size(); ++port) {
            const std::string path = scratch_.file(std::to_string(port));
            std::vector<Recorded> frames;
            for (size_t i = 0; i < captures[port].size(); ++i) {
                frames.push_back(
                    {captures[port][i] * 1'000'000, Bytes{static_cast<uint8_t>('a' + i)}, 1});
            }
            testing::write_pcap(path, frames);
            auto reader = CaptureReader::open(path);
            EXPECT_TRUE(reader.has_value());
            merged.add(static_cast<uint8_t>(port), std::move(*reader));
        }
        return merged;
    }

    /// "0a 1a 0b": port and letter of every frame.
    static std::string order(CaptureMerge merged) {
        std::string text;
        while (const auto frame = merged.next()) {
            text += (text.empty() ? "" : " ") + std::to_string(frame->port) +
                    static_cast<char>(frame->frame.bytes[0]);
        }
        return text;
    }

    ScratchDirectory scratch_;
};

TEST_F(Merge, puts_frames_in_the_order_of_their_times) {
    struct Case {
        std::string name;
        std::vector<Times> captures;
        std::string expected;
    };
    const std::vector<Case> cases = {
        {"nothing", {}, ""},
        {"one", {{1, 2, 3}}, "0a 0b 0c"},
        {"interleaved", {{1, 3, 5}, {2, 4, 6}}, "0a 1a 0b 1b 0c 1c"},
        {"one after the other", {{10, 11}, {1, 2}}, "1a 1b 0a 0b"},
        {"equal times: the first capture first, then the file's order",
         {{1, 1, 2}, {1, 1, 2}},
         "0a 0b 1a 1b 0c 1c"},
        {"three", {{3}, {2}, {1, 4}}, "2a 1a 0a 2b"},
        {"an empty one", {{}, {1}}, "1a"},
        {"back in time counts as the latest before", {{1, 5, 2, 6}, {3, 5}}, "0a 1a 0b 0c 1b 0d"},
    };
    for (const Case& c : cases)
        EXPECT_EQ(order(merge(c.captures)), c.expected) << c.name;
}

TEST_F(Merge, never_lets_its_clock_go_back) {
    CaptureMerge merged = merge({{5, 1, 9, 2}, {7, 3}});
    int64_t last = 0;
    std::vector<int64_t> stamps;
    while (const auto frame = merged.next()) {
        EXPECT_GE(frame->clock, last);
        last = frame->clock;
        stamps.push_back(frame->frame.nanoseconds / 1'000'000);
    }
    EXPECT_EQ(stamps, (std::vector<int64_t>{5, 1, 7, 3, 9, 2}))
        << "the time stamp of a frame stays what the capture says";
}

}  // namespace
}  // namespace ravelin
