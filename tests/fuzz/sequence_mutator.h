// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <utility>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace ravelin::fuzz {

/// One packet of a sequence as the fuzzer writes it: {port and time step, length, bytes}.
struct Step {
    uint8_t control = 0;  ///< bit 0: port; bits 1 to 3: time before it
    std::vector<uint8_t> frame;
};

/// The last packet may be cut short.
inline std::vector<Step> read_steps(std::span<const uint8_t> bytes) {
    std::vector<Step> steps;
    while (bytes.size() > 2) {
        const size_t length = std::min<size_t>(bytes[1], bytes.size() - 2);
        const auto frame = bytes.subspan(2, length);
        steps.push_back({bytes[0], {frame.begin(), frame.end()}});
        bytes = bytes.subspan(2 + length);
    }
    return steps;
}

/// Mutations that keep a sequence a sequence: random bytes alone nearly always break the lengths
/// of all packets that follow, and never find the answer to a packet.
class SequenceMutator {
  public:
    SequenceMutator(std::vector<Step> steps, unsigned int seed)
        : steps_{std::move(steps)}, random_{seed} {}

    std::vector<Step> mutate() {
        switch (pick(7)) {
            case 0:  // goes missing
                if (steps_.size() > 1) steps_.erase(steps_.begin() + at());
                break;
            case 1:  // sent again
                steps_.insert(steps_.begin() + at(), steps_[pick(steps_.size())]);
                break;
            case 2:  // out of order
                std::swap(steps_[pick(steps_.size())], steps_[pick(steps_.size())]);
                break;
            case 3:  // answered
                steps_.push_back(answer(steps_[pick(steps_.size())]));
                break;
            case 4:  // other TCP flags, or another type
                touch_transport(random_() % 2 == 0 ? 13 : 0);
                break;
            case 5:  // a number near that of another packet
                copy_number();
                break;
            default:
                steps_[pick(steps_.size())].control = static_cast<uint8_t>(random_());
                break;
        }
        return std::move(steps_);
    }

  private:
    size_t pick(size_t count) { return random_() % count; }
    std::ptrdiff_t at() { return static_cast<std::ptrdiff_t>(pick(steps_.size())); }

    /// Where the transport header of an untagged frame starts, without IPv6 extension headers.
    static size_t transport_of(const std::vector<uint8_t>& frame) {
        if (frame.size() > 34 && frame[12] == 0x08) return 14 + 4 * (frame[14] & 0xfU);
        return 54;
    }
    /// The same packet in the other direction: addresses and ports change places.
    static Step answer(Step step) {
        step.control ^= 1;
        std::vector<uint8_t>& frame = step.frame;
        const bool v4 = frame.size() > 34 && frame[12] == 0x08;
        const size_t length = v4 ? 4 : 16;
        const size_t source = v4 ? 26 : 22;
        const size_t ports = transport_of(frame);
        if (frame.size() < ports + 14) return step;
        const auto swap = [&](size_t from, size_t to, size_t count) {
            std::swap_ranges(frame.begin() + static_cast<std::ptrdiff_t>(from),
                             frame.begin() + static_cast<std::ptrdiff_t>(from + count),
                             frame.begin() + static_cast<std::ptrdiff_t>(to));
        };
        swap(source, source + length, length);
        const uint8_t protocol = frame[v4 ? 23 : 20];
        if (protocol == 1 || protocol == 58) {
            frame[ports] = protocol == 1 ? 0 : 129;
            return step;
        }
        swap(ports, ports + 2, 2);
        if (protocol == 6) {
            swap(ports + 4, ports + 8, 4);
            frame[ports + 13] |= 0x10;
        }
        return step;
    }
    void touch_transport(size_t offset) {
        std::vector<uint8_t>& frame = steps_[pick(steps_.size())].frame;
        const size_t place = transport_of(frame) + offset;
        if (place < frame.size()) frame[place] = static_cast<uint8_t>(random_());
    }
    /// Sequence or acknowledgement from one of another packet, give or take a little.
    void copy_number() {
        const std::vector<uint8_t>& from = steps_[pick(steps_.size())].frame;
        std::vector<uint8_t>& to = steps_[pick(steps_.size())].frame;
        const size_t source = transport_of(from) + 4 + 4 * pick(2);
        const size_t target = transport_of(to) + 4 + 4 * pick(2);
        if (source + 4 > from.size() || target + 4 > to.size()) return;
        uint32_t value = 0;
        std::memcpy(&value, &from[source], 4);
        value = __builtin_bswap32(__builtin_bswap32(value) + static_cast<uint32_t>(pick(5)) - 2);
        std::memcpy(&to[target], &value, 4);
    }

    std::vector<Step> steps_;
    std::minstd_rand random_;
};

/// LLVMFuzzerCustomMutator() for options and a sequence: half of the mutations are libFuzzer's own.
inline size_t mutate_sequence(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
    if (size < 2 || seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
    std::vector<Step> steps = read_steps({data + 1, size - 1});
    if (steps.empty()) return LLVMFuzzerMutate(data, size, max_size);
    size_t written = 1;
    for (const Step& step : SequenceMutator{std::move(steps), seed}.mutate()) {
        if (written + 2 + step.frame.size() > max_size) break;
        data[written] = step.control;
        data[written + 1] = static_cast<uint8_t>(step.frame.size());
        std::copy(step.frame.begin(), step.frame.end(), data + written + 2);
        written += 2 + step.frame.size();
    }
    return written;
}

}  // namespace ravelin::fuzz
