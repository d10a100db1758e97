// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "spec/device.h"

#include <cstdio>
#include <string>
#include <vector>

namespace ravelin::spec {

/// What one symbol of an alphabet does: a packet or only time, and what the specification says.
struct Step {
    Packet packet{};
    Time now{};
    Seen expected{};
};

std::string describe(const Seen& seen);

/// All sequences of a given length over an alphabet, depth first.
///
/// A World is a value: the specification, the time, and whatever decides the numbers of the next
/// packet. step() takes it one symbol further, so a common prefix is specified once and the copy
/// is the way back. The device under test has no way back: it replays the prefix, which is four
/// look-ups in a table of eight.
template <class World>
class Walk {
  public:
    Walk(Device& device, size_t length) : device_{device}, length_{length} {}

    /// Sequences that begin with these symbols, which don't count into the length.
    void run(World world, const std::vector<size_t>& beginning = {}) {
        for (const size_t symbol : beginning) {
            path_.push_back(world.step(symbol));
            names_.push_back(symbol);
        }
        length_ += beginning.size();
        descend(world);
    }

    [[nodiscard]] uint64_t sequences() const { return sequences_; }
    [[nodiscard]] uint64_t differences() const { return differences_; }

  private:
    static constexpr uint64_t kMostPrinted = 20;

    void descend(const World& world) {
        for (size_t symbol = 0; symbol < World::symbols(); ++symbol) {
            World next = world;
            path_.push_back(next.step(symbol));
            names_.push_back(symbol);
            const Seen seen = replay();
            const Step& last = path_.back();
            if (!(seen == last.expected)) {
                if (differences_++ < kMostPrinted) print(seen);
            } else if (path_.size() == length_) {
                ++sequences_;
            } else {
                descend(next);
            }
            path_.pop_back();
            names_.pop_back();
        }
    }

    Seen replay() {
        device_.reset();
        Class last = Class::Invalid;
        for (const Step& step : path_) {
            last = Class::Invalid;
            if (step.packet.frame != nullptr) last = device_.receive(step.packet, step.now);
        }
        Seen seen = device_.look(path_.back().now);
        seen.ct_class = last;
        return seen;
    }

    void print(const Seen& seen) const {
        std::printf("\nthe device differs from the specification after the last line:\n");
        for (size_t i = 0; i < path_.size(); ++i) {
            std::printf("  %-52s | %s\n", World::text(names_[i], path_[i]).c_str(),
                        describe(path_[i].expected).c_str());
        }
        std::printf("  %-52s | %s\n", "the device says", describe(seen).c_str());
    }

    Device& device_;
    size_t length_;
    std::vector<Step> path_{};
    std::vector<size_t> names_{};
    uint64_t sequences_ = 0;
    uint64_t differences_ = 0;
};

}  // namespace ravelin::spec
