// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin::differential {

/// splitmix64: one word of state, so that every sequence has a stream of its own that depends on
/// the seed and its number alone.
class Random {
  public:
    explicit Random(uint64_t seed) : state_{seed} {}

    uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// 0 to below - 1.
    uint32_t below(uint32_t below) { return static_cast<uint32_t>((next() >> 32) * below >> 32); }
    bool percent(uint32_t chance) { return below(100) < chance; }
    template <class T, size_t N>
    const T& pick(const std::array<T, N>& from) {
        return from[below(N)];
    }

  private:
    uint64_t state_;
};

}  // namespace ravelin::differential
