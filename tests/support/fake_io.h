// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/burst.h"
#include "support/bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace ravelin::testing {

/// Ports as arrays: what a test offers is received, what is transmitted is kept.
///
/// Every packet that was offered is either waiting, inside the worker, transmitted or released;
/// the destructor of a test can ask for `inside()`, which must be 0 when all is quiet.
class FakeIo {
  public:
    /// One source per entry: the port that it receives from.
    explicit FakeIo(std::vector<uint8_t> source_ports) : source_ports_{std::move(source_ports)} {
        waiting_.resize(source_ports_.size());
    }

    void offer(uint32_t source, Bytes frame) { waiting_[source].push_back(std::move(frame)); }
    /// How many packets a port takes per transmit call; unlimited at first.
    void limit_transmit(uint8_t port, uint32_t packets) { limits_[port] = packets; }

    [[nodiscard]] const std::vector<Bytes>& transmitted(uint8_t port) { return transmitted_[port]; }
    void forget_transmitted() { transmitted_.clear(); }
    [[nodiscard]] size_t inside() const { return inside_->size(); }
    [[nodiscard]] size_t released() const { return released_; }
    /// Workers that hand packets over share one pool.
    void share_pool(const FakeIo& other) { inside_ = other.inside_; }

    // PacketIo
    [[nodiscard]] uint32_t source_count() const noexcept {
        return static_cast<uint32_t>(source_ports_.size());
    }
    uint32_t receive(uint32_t source, Burst& burst) noexcept {
        uint32_t count = 0;
        std::deque<Bytes>& queue = waiting_[source];
        for (; count < kBurstSize && !queue.empty(); ++count) {
            auto packet = std::make_unique<Bytes>(std::move(queue.front()));
            queue.pop_front();
            burst.add({.buffer = packet.get(),
                       .data = packet->data(),
                       .length = static_cast<uint32_t>(packet->size()),
                       .port = source_ports_[source]});
            void* const buffer = packet.get();
            inside_->emplace(buffer, std::move(packet));
        }
        return count;
    }
    uint32_t transmit(uint8_t port, std::span<void*> buffers) noexcept {
        const auto limit = limits_.find(port);
        const size_t count = limit == limits_.end()
                                 ? buffers.size()
                                 : std::min<size_t>(buffers.size(), limit->second);
        for (size_t i = 0; i < count; ++i)
            transmitted_[port].push_back(take(buffers[i]));
        return static_cast<uint32_t>(count);
    }
    void release(std::span<void*> buffers) noexcept {
        for (void* buffer : buffers)
            take(buffer);
        released_ += buffers.size();
    }

    static bool rewrite(Frame& frame, std::span<const uint8_t> bytes) noexcept {
        auto& packet = *static_cast<Bytes*>(frame.buffer);
        packet.assign(bytes.begin(), bytes.end());
        frame.data = packet.data();
        frame.length = static_cast<uint32_t>(packet.size());
        return true;
    }

  private:
    using Pool = std::map<void*, std::unique_ptr<Bytes>>;

    /// Fails the test when a buffer is given back twice.
    Bytes take(void* buffer) { return std::move(*inside_->extract(buffer).mapped()); }

    std::vector<uint8_t> source_ports_;
    std::vector<std::deque<Bytes>> waiting_;
    std::map<uint8_t, std::vector<Bytes>> transmitted_;
    std::map<uint8_t, uint32_t> limits_;
    std::shared_ptr<Pool> inside_ = std::make_shared<Pool>();
    size_t released_ = 0;
};

/// A clock that stands still until a test moves it.
class ManualClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void advance(Duration by) { now_ += by; }

  private:
    Instant now_{};
};

}  // namespace ravelin::testing
