// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "campaign.h"
#include "verdict.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ravelin::differential {

/// A packet that the two judged differently, with what a predicate may want to know.
struct PacketCase {
    std::span<const uint8_t> frame;
    const Verdict& kernel;
    const Verdict& ravelin;
    const Campaign& campaign;
    bool after_reset;  ///< the sequence has had an RST, perhaps this one
    bool retagged;     ///< the sequence has had two VLAN tags
    bool is_fragment;
    bool overlaps;             ///< two fragments of the datagram share bytes and are not the same
    bool differing_copy;       ///< two are the same but for their bytes
    bool atomic_among_others;  ///< one fragment is a datagram by itself, with the others' number
    bool odd_among_others;     ///< one that others follow doesn't end at a multiple of eight
};

/// An entry that only one of them has, or that they list differently.
struct EntryCase {
    const Entry* kernel;   ///< nullptr: has none
    const Entry* ravelin;  ///< nullptr: has none
    const Campaign& campaign;
    bool after_reset;  ///< the sequence has had an RST
    bool retagged;
    uint32_t atomic_fragments;  ///< IPv6 datagrams of one fragment (RFC 6946) so far
    Duration delay;             ///< most that the kernel was behind the clock, as measured
    bool real_time_is_short;    ///< less than the kernel's two seconds passed at some step
};

/// A difference that is meant: its predicate, its reason, and whether what follows in the same
/// sequence still says something.
struct Difference {
    std::string_view code;
    std::string_view reason;
    bool (*packet)(const PacketCase&) = nullptr;
    bool (*entry)(const EntryCase&) = nullptr;
    bool harmless = false;  ///< both go on with the same state
    bool unseen = false;    ///< they may go on with other states though neither let anything out
};

[[nodiscard]] std::span<const Difference> differences();
[[nodiscard]] size_t index_of(const Difference& difference);
/// Of an entry that might end while a phase runs; nothing but its time tells.
[[nodiscard]] const Difference& near_its_end();

/// A segment, or the fragment of one that the flags are in.
[[nodiscard]] bool is_tcp_reset(std::span<const uint8_t> frame);
/// A fragment header of IPv6 in front of a whole datagram.
[[nodiscard]] bool is_atomic_fragment(std::span<const uint8_t> frame);

/// True when the two say the same.
[[nodiscard]] bool agree(const PacketCase& packet);
[[nodiscard]] bool agree(const EntryCase& entry);
/// In words; empty when they agree.
[[nodiscard]] std::string differing_fields(const EntryCase& entry);
[[nodiscard]] const Difference* explain(const PacketCase& packet);
[[nodiscard]] const Difference* explain(const EntryCase& entry);

}  // namespace ravelin::differential
