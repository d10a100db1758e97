// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "message.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ravelin::load {

/// Every frame that one side has sent and that has not arrived: its bytes, its purpose and when it
/// left, kept under its number. Frames may arrive in any order.
class FramesInFlight {
  public:
    struct Record {
        uint64_t sent = 0;  ///< ticks
        Message message;
        uint32_t number = 0;
        uint16_t length = 0;
        bool in_flight = false;
    };
    enum class Arrival : uint8_t {
        Expected,
        Damaged,  ///< its number is known, its bytes differ
        Unknown,  ///< nothing like it is in flight: late, twice, or made by somebody else
        Foreign,  ///< not ours
    };

    /// Room for `most` frames in flight, at most kMost, of at most `longest` bytes.
    /// `ignore_mac`: the device may exchange Ethernet addresses.
    FramesInFlight(uint32_t most, uint32_t longest, bool ignore_mac);
    /// Numbers are told by 16 bits, and late frames by those that the places leave over.
    static constexpr uint32_t kMost = 16'384;

    /// The first of `count` free numbers in a row. There always is one while fewer than `most` are
    /// in flight and count is at most 2.
    uint32_t reserve(uint32_t count = 1) noexcept;
    /// Where the frame of a reserved number is to be written, and stays.
    [[nodiscard]] uint8_t* bytes(uint32_t number) noexcept {
        return bytes_.data() + size_t{number & mask_} * stride_;
    }
    void sent(uint32_t number, uint32_t length, const Message& message, uint64_t now) noexcept;

    /// A frame came in at the other end. `record` is what was kept about it, for Expected and
    /// Damaged; it is no longer in flight then, and valid until the next reserve().
    Arrival arrived(std::span<const uint8_t> frame, const Record*& record) noexcept;

    /// Calls `lost(message)` for whatever was sent before `limit` and forgets it.
    template <class Lost>
    void expire(uint64_t limit, const Lost& lost) {
        if (count_ == 0) return;
        for (Record& record : records_) {
            if (!record.in_flight || record.sent >= limit) continue;
            record.in_flight = false;
            --count_;
            lost(record.message);
        }
    }

    [[nodiscard]] uint32_t count() const noexcept { return count_; }

  private:
    [[nodiscard]] Record& at(uint32_t number) noexcept { return records_[number & mask_]; }

    uint32_t mask_;
    uint32_t stride_;
    uint32_t compare_from_;
    uint32_t next_ = 0;
    uint32_t count_ = 0;
    std::vector<Record> records_;
    std::vector<uint8_t> bytes_;
};

}  // namespace ravelin::load
