// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "base/page_array.h"
#include "base/time.h"
#include "packet/drop_reason.h"
#include "sync/counter.h"
#include "vpn/budget.h"
#include "vpn/protocol.h"
#include "vpn/service.h"
#include "vpn/session_directory.h"

#include <array>
#include <cstdint>
#include <span>

namespace ravelin {

/// What one shard counts about handshakes with declared services. Written by the worker alone.
struct GateCounters {
    std::array<Counter, kVpnProtocolCount> forwarded;
    std::array<Counter, kVpnProtocolCount> limited;    ///< over a budget
    std::array<Counter, kVpnProtocolCount> malformed;  ///< no handshake, or made for another server
};

/// The shield of declared services: what may come to them first, and how much of it.
///
/// Theory. The budget of a service has three parts: one for addresses that have completed a
/// handshake before, and the rest in equal halves for whoever tries again and for whoever is seen
/// for the first time. A handshake may take from its own part and from the lesser ones. A flood
/// with forged sources is never heard twice from one of them, so that it exhausts only the last
/// part, and a client that nobody knows gets through when it repeats itself, as all of them do.
///
/// Of each shard; budgets are divided by the number of workers.
class HandshakeGate {
  public:
    /// How many addresses are remembered, of those that try and of those that are known. A client
    /// tries again after two seconds: so many others may come meanwhile.
    static constexpr uint32_t kSources = 8192;

    /// `sources` 0: for a shard that observes no tunnels; it admits everything.
    HandshakeGate(const HashSecret& secret, uint32_t sources, GateCounters& counters,
                  const SessionDirectory* sessions, Instant start);

    /// A packet to a declared service.
    struct Attempt {
        size_t service = 0;  ///< its index, below VpnService::kMost
        std::array<Address, 2> address{};
        std::array<uint16_t, 2> port{};
        std::span<const uint8_t> payload{};
        bool fragmented = false;  ///< the payload is the first fragment's only
    };

    /// Whether it may open a connection. `pick_up`: so long after the start sessions go on that
    /// nobody has seen begin.
    DropReason admit(const VpnService& service, const Attempt& attempt, uint32_t workers,
                     Duration pick_up, Instant now) noexcept;

    /// The same for a packet of the client in a connection that exists already. `confirmed`: by
    /// the server, so that it costs no budget.
    DropReason repeat(const VpnService& service, const Attempt& attempt, uint32_t workers,
                      bool confirmed, Instant now) noexcept;

    /// This address has completed a handshake.
    void completed(const Address& source, Instant now) noexcept;

    [[nodiscard]] size_t memory_bytes() const noexcept {
        return sources_.bytes() + known_.bytes() + refused_.bytes();
    }

  private:
    static constexpr size_t kWays = 4;
    static constexpr size_t kParts = 3;  ///< seen for the first time, again, known

    struct Source {
        uint64_t tag = 0;
        Instant at{};        ///< when it was last heard
        Instant admitted{};  ///< when one did; Instant{}: never
        Budget budget{};
    };
    /// What happened to an address, or to an address and port.
    struct Mark {
        uint64_t tag = 0;
        Instant at{};
    };
    using Marks = PageArray<Mark>;

    DropReason spend(const VpnService& service, const Attempt& attempt, uint32_t workers,
                     Instant now) noexcept;
    DropReason refuse(const VpnService& service, DropReason reason) noexcept;
    /// `port` 0: whatever the port.
    [[nodiscard]] uint64_t tag_of(const Address& address, uint16_t port = 0) const noexcept;
    Source& source_of(const Address& address, Instant now) noexcept;
    [[nodiscard]] static const Mark* find(const Marks& marks, uint64_t tag) noexcept;
    /// Sets a mark; the oldest one of its bucket gives way.
    static void set(Marks& marks, uint64_t tag, Instant now) noexcept;

    KeyedHash hash_;
    GateCounters& counters_;
    const SessionDirectory* sessions_;
    Instant started_;
    PageArray<Source> sources_;
    Marks known_;    ///< addresses that have completed a handshake
    Marks refused_;  ///< addresses and ports whose handshake has found no budget
    std::array<std::array<Budget, kParts>, VpnService::kMost> parts_{};
};

}  // namespace ravelin
