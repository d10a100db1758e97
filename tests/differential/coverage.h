// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/record.h"
#include "pipeline/packet.h"
#include "script.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ravelin::differential {

/// The state of a connection before a packet: TcpPhase by value, then what the others have.
enum class StateLabel : uint8_t {
    None = 0,
    Unreplied = static_cast<uint8_t>(TcpPhase::Count),
    Replied,
    Assured,
    Count
};
[[nodiscard]] StateLabel state_label(const FlowRecord& flow) noexcept;

/// True if the packet's connection was looked for, so that Packet::id is its own.
[[nodiscard]] bool was_tracked(const Packet& packet) noexcept;

/// One kind of ICMP error. A code that nobody has defined stands for all such.
struct ErrorKind {
    Family family;
    uint8_t type;
    uint8_t code;
};
[[nodiscard]] std::span<const ErrorKind> error_kinds();

/// What an ICMP error quotes.
enum class QuotedProtocol : uint8_t { Udp, Tcp, Query, Error, Esp, Gre, Other, Count };
inline constexpr size_t kQuotedProtocols = static_cast<size_t>(QuotedProtocol::Count);

/// How many bytes of the quoted packet's upper layer are there; the last: all of them.
inline constexpr std::array<uint16_t, 8> kCuts{0, 3, 4, 7, 8, 20, 40, UINT16_MAX};

/// What one worker hands to another.
enum class Handover : uint8_t {
    Packet,    ///< another owns its connection
    Error,     ///< an ICMP error: another owns the connection that it quotes
    Fragment,  ///< another puts it together with the rest of its datagram
    Datagram,  ///< a fragment of a whole datagram: another owns that one's connection
    Decided,   ///< another has the transmit queue
    Count
};
inline constexpr size_t kHandovers = static_cast<size_t>(Handover::Count);

/// How often each situation came about. Plain values, so that processes can add theirs up.
struct Coverage {
    static constexpr size_t kMaxErrorKinds = 80;
    static constexpr size_t kTcpClasses = 6;   ///< TcpPacketIndex
    static constexpr size_t kOthers = 3;       ///< UDP, ICMP query, everything else
    static constexpr size_t kOtherStates = 4;  ///< none, unreplied, replied, assured

    using ByDirection = std::array<uint64_t, 2>;
    std::array<std::array<ByDirection, kTcpClasses>, kTcpPhaseCount> tcp{};
    std::array<std::array<ByDirection, kOtherStates>, kOthers> others{};
    std::array<std::array<std::array<uint64_t, kCuts.size()>, kQuotedProtocols>, kMaxErrorKinds>
        errors{};
    /// Class that the kernel gave, by CtClass; the last: nothing came out.
    std::array<uint64_t, 8> classes{};
    /// Packets that went from worker to worker, by how many workers there are.
    std::array<std::array<uint64_t, kHandovers>, kMostWorkers> handed{};

    void count_packet(StateLabel before, Direction way, const Packet& packet) noexcept;
    void count_error(const Meant& meant) noexcept;
    void count_handed(size_t workers, const Packet& packet) noexcept;
    void count_sent_for_others(size_t workers, uint64_t packets) noexcept;
    void add(const Coverage& other) noexcept;

    /// The tables, as text.
    [[nodiscard]] std::string to_text() const;
    /// The cells that were never reached, by name; those that can't be are left out. `workers`: all
    /// sequences had so many; 0: each number was there.
    [[nodiscard]] std::vector<std::string> empty_cells(uint32_t workers) const;

  private:
    void empty_errors(std::vector<std::string>& empty) const;
    void empty_handovers(size_t workers, std::vector<std::string>& empty) const;
};

}  // namespace ravelin::differential
