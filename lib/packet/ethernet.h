// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/byteorder.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ravelin {

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800;
inline constexpr uint16_t kIpv6 = 0x86dd;
inline constexpr uint16_t kVlan = 0x8100;         ///< IEEE 802.1Q
inline constexpr uint16_t kServiceVlan = 0x88a8;  ///< IEEE 802.1ad
inline constexpr uint16_t kOldStacked = 0x9100;   ///< QinQ before 802.1ad
inline constexpr uint16_t kFirst = 0x0600;        ///< smaller ones are lengths (IEEE 802.3 3.2.6)
}  // namespace ether_type

/// An Ethernet header and up to two VLAN tags.
class Ethernet {
  public:
    static constexpr size_t kHeaderLength = 14;
    static constexpr size_t kTagLength = 4;
    static constexpr uint16_t kReservedVlan = 0xfff;  ///< IEEE 802.1Q table 9-2

    /// False when the frame ends before the EtherType that follows the tags. No std::optional as
    /// of the other headers: g++ 12 makes one of eight bytes in pieces and then waits, twice, to
    /// read them as a whole, which was a tenth of what a fragment costs.
    [[nodiscard]] bool parse(std::span<const uint8_t> frame) noexcept {
        size_t at = kHeaderLength - 2;
        if (frame.size() < kHeaderLength) return false;
        for (uint16_t* vlan : {&outer_vlan_, &inner_vlan_}) {
            if (!is_tag(load_be16(&frame[at]))) break;
            if (frame.size() < at + kTagLength + 2) return false;
            *vlan = load_be16(&frame[at + 2]) & 0xfff;
            at += kTagLength;
        }
        ether_type_ = load_be16(&frame[at]);
        payload_offset_ = static_cast<uint16_t>(at + 2);
        return true;
    }

    /// What follows the tags; a tag's own when there are more than two. 0: an 802.3 length, so
    /// that LLC follows (STP and others).
    [[nodiscard]] uint16_t ether_type() const noexcept {
        return ether_type_ < ether_type::kFirst ? 0 : ether_type_;
    }
    [[nodiscard]] bool has_more_tags() const noexcept { return is_tag(ether_type_); }
    [[nodiscard]] uint16_t outer_vlan() const noexcept { return outer_vlan_; }
    [[nodiscard]] uint16_t inner_vlan() const noexcept { return inner_vlan_; }
    [[nodiscard]] uint16_t payload_offset() const noexcept { return payload_offset_; }

  private:
    static bool is_tag(uint16_t type) noexcept {
        return type == ether_type::kVlan || type == ether_type::kServiceVlan ||
               type == ether_type::kOldStacked;
    }

    uint16_t ether_type_ = 0;
    uint16_t outer_vlan_ = 0;
    uint16_t inner_vlan_ = 0;
    uint16_t payload_offset_ = 0;
};

}  // namespace ravelin
