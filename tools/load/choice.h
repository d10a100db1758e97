// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ravelin::load {

enum class Order : uint8_t { RoundRobin, Uniform, Zipf };

/// Which connection speaks next.
class Choice {
  public:
    /// `exponent`: Zipf's s, above 0; the connection of rank r is drawn with a weight of r^-s.
    /// Which connection has which rank looks random. Takes about a second for a million
    /// connections in Zipf's order, whose draws are made beforehand and repeat after draws_for().
    Choice(Order order, uint32_t connections, double exponent);

    uint32_t next() noexcept {
        switch (order_) {
            case Order::RoundRobin:
                if (++at_ >= connections_) at_ = 0;
                return at_;
            case Order::Uniform:
                // Marsaglia's xorshift64; the high half times the count spreads evenly over it.
                random_ ^= random_ << 13;
                random_ ^= random_ >> 7;
                random_ ^= random_ << 17;
                return static_cast<uint32_t>(((random_ >> 32) * connections_) >> 32);
            case Order::Zipf:
                break;
        }
        if (++at_ >= draws_.size()) at_ = 0;
        return draws_[at_];
    }

    /// Enough for every rank to come as often as it should, within memory that is read in passing.
    [[nodiscard]] static constexpr uint32_t draws_for(uint32_t connections) noexcept {
        return std::clamp(connections, 1U << 12, 1U << 18) * 16;
    }

  private:
    Order order_;
    uint32_t connections_;
    uint32_t at_ = 0;
    uint64_t random_ = 88'172'645'463'325'252;
    std::vector<uint32_t> draws_;
};

}  // namespace ravelin::load
