// SPDX-License-Identifier: BSD-3-Clause
// TCP options and the window check. A reader written anew, after the RFCs alone, says what an
// option list means; and the short cut for plain segments has to do what the long way does.
#include "base/check.h"
#include "conntrack/tcp_window.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace ravelin {
namespace {

struct Option {
    uint8_t kind = 0;
    std::vector<uint8_t> body;
};

/// RFC 9293 3.1: kind 0 ends the list, kind 1 stands alone, every other has a length that counts
/// kind and length. A list that breaks off is believed up to there.
std::vector<Option> list_options(std::span<const uint8_t> bytes) {
    std::vector<Option> list;
    for (size_t at = 0; at < bytes.size();) {
        const uint8_t kind = bytes[at];
        if (kind == 0) break;
        if (kind == 1) {
            ++at;
            continue;
        }
        if (at + 1 == bytes.size()) break;
        const size_t length = bytes[at + 1];
        if (length < 2 || at + length > bytes.size()) break;
        const auto body = bytes.subspan(at + 2, length - 2);
        list.push_back({kind, {body.begin(), body.end()}});
        at += length;
    }
    return list;
}

void check_offer(std::span<const uint8_t> bytes, const std::vector<Option>& list) {
    bool sack = false;
    int scale = -1;
    for (const Option& option : list) {
        if (option.kind == 4 && option.body.empty()) sack = true;                 // RFC 2018 2
        if (option.kind == 3 && option.body.size() == 1) scale = option.body[0];  // RFC 7323 2.2
    }
    const TcpOffer offer = read_offer(bytes);
    CHECK(((offer.flags & tcp_side_flag::kSackPermitted) != 0) == sack);
    CHECK(((offer.flags & tcp_side_flag::kWindowScale) != 0) == (scale >= 0));
    CHECK(offer.scale == (scale < 0 ? 0 : std::min(scale, 14)));
    CHECK((offer.flags & ~(tcp_side_flag::kSackPermitted | tcp_side_flag::kWindowScale)) == 0);
}

/// RFC 2018 3: pairs of left and right edge. The first option that can be one counts.
void check_sack(std::span<const uint8_t> bytes, const std::vector<Option>& list, uint32_t ack) {
    const auto sack = std::find_if(list.begin(), list.end(), [](const Option& option) {
        return option.kind == 5 && !option.body.empty() && option.body.size() % 8 == 0;
    });
    uint32_t highest = ack;
    for (size_t at = 4; sack != list.end() && at < sack->body.size(); at += 8) {
        uint32_t edge = 0;
        for (size_t i = 0; i < 4; ++i)
            edge = edge << 8 | sack->body[at + i];
        const uint32_t ahead = edge - highest;  // on the circle
        if (ahead != 0 && ahead <= 0x80000000U) highest = edge;
    }
    CHECK(highest_sack(bytes, ack) == highest);
}

/// Takes numbers from the input; zeros when it is used up.
class Numbers {
  public:
    explicit Numbers(std::span<const uint8_t> bytes) : rest_{bytes} {}
    uint32_t next() {
        uint32_t value = 0;
        const size_t count = std::min<size_t>(rest_.size(), 4);
        if (count > 0) std::memcpy(&value, rest_.data(), count);
        rest_ = rest_.subspan(count);
        return value;
    }

  private:
    std::span<const uint8_t> rest_;
};

TcpState make_state(Numbers& numbers) {
    TcpState state;
    const uint32_t flags = numbers.next();
    // Close to each other, as those of one connection are: random ones are never in the window.
    const std::array<uint32_t, 2> base{numbers.next(), numbers.next()};
    for (size_t side = 0; side < 2; ++side) {
        const uint32_t close = numbers.next();
        TcpWindow& window = state.window[side];
        window.end = base[side] + (close & 0xff);
        window.max_end = window.end + (close >> 8 & 0xffff);
        window.max_window = (close >> 12 & 0xfffff) + 1;
        window.max_ack = base[1 - side] + (close >> 24);
        state.flags[side] = static_cast<uint8_t>(flags >> (8 * side) & 0x3b);
        state.scale[side] = static_cast<uint8_t>(flags >> (16 + 4 * side) & 0xf) % 15;
    }
    state.last_direction = flags >> 24 & 1;
    state.last_index = static_cast<uint8_t>(TcpPacketIndex::Ack);
    state.retransmissions = flags >> 28;
    return state;
}

void check_short_cut(std::span<const uint8_t> options, Numbers numbers) {
    const TcpState before = make_state(numbers);
    const uint32_t choice = numbers.next();
    const auto direction = static_cast<Direction>(choice & 1);
    const auto from = static_cast<size_t>(direction);
    const bool again = (choice & 2) != 0;
    TcpState state = before;
    TcpSegment segment;
    segment.flags = (choice & 4) != 0 ? 0x18 : 0x10;
    segment.sequence = before.window[from].end + static_cast<uint32_t>(numbers.next() & 0x3ff) - 64;
    segment.ack = before.window[1 - from].end + static_cast<uint32_t>(numbers.next() & 0x3ff) - 960;
    segment.window = static_cast<uint16_t>(numbers.next());
    segment.payload_length = choice >> 16 & 0x5ff;
    segment.options = options;
    if (again) {
        state.last_sequence = segment.sequence;
        state.last_ack = segment.ack;
        state.last_end = segment.sequence + segment.payload_length;
        state.last_window = segment.window;
    }
    TcpState slow = state;
    const TcpState untouched = state;
    if (advance_window(state, segment, direction)) {
        CHECK(check_window(slow, TcpPhase::Established, segment, direction, TcpPacketIndex::Ack,
                           false) == WindowVerdict::Accept);
        CHECK(std::memcmp(&state, &slow, sizeof state) == 0);
    } else {
        CHECK(std::memcmp(&state, &untouched, sizeof state) == 0);
    }
}

}  // namespace
}  // namespace ravelin

/// Input: an acknowledgement, how many bytes of options follow, those, then numbers for a state and
/// a segment.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    if (size < 5) return 0;
    uint32_t ack = 0;
    std::memcpy(&ack, data, 4);
    const size_t length = std::min<size_t>({data[4], size - 5, 40});
    // A buffer of exactly this size, so that the sanitizer sees one byte too many.
    const std::vector<uint8_t> options(data + 5, data + 5 + length);
    const std::vector<Option> list = list_options(options);
    check_offer(options, list);
    check_sack(options, list, ack);
    check_short_cut(options, Numbers{{data + 5 + length, size - 5 - length}});
    return 0;
}
