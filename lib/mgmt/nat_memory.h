// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/tunnel_words.h"
#include "vpn/tunnel_record.h"

#include <cstdint>
#include <string>

namespace ravelin {

/// How long a NAT between us and a tunnel's client remembers the client's port while nothing
/// passes, as far as the tunnel shows it.
///
/// When the client's packets come from the same port after a silence, it was remembered for at
/// least so long; when they come from another port of the same address, it was forgotten within
/// that silence. Silence is what no NAT can have taken for life: of the client alone where it
/// bounds from above, of both sides where it bounds from below, since not every NAT lets the
/// server's packets count. What contradicts an older finding replaces it, because a NAT may be
/// restarted, or forget sooner when it is full. Another address is another network, of which
/// nothing is known.
///
/// Bounds, not measurements: a NAT that gives out the same port again when it can shows no move,
/// and a client may change its port for reasons of its own.
class NatMemory {
  public:
    /// Who moves after less than this was hardly forgotten: no NAT is that impatient.
    static constexpr Duration kSilence = 5s;

    /// What was known of the tunnel at `at`; in the order of time.
    void look(const TunnelRecord& record, Instant at);
    /// The client, until then at `old`, is at the record's endpoint since `at`.
    void move(const TunnelEndpoint& old, const TunnelRecord& record, Instant at);

    // Zero: unknown.
    [[nodiscard]] Duration at_least() const noexcept { return at_least_; }
    [[nodiscard]] Duration at_most() const noexcept { return at_most_; }
    /// Moves after a silence: what at_most() rests on.
    [[nodiscard]] uint32_t times() const noexcept { return times_; }

    /// For people; empty: nothing is known.
    [[nodiscard]] std::string words() const;
    /// Moves after which it is no accident: once, the NAT may have been restarted.
    static constexpr uint32_t kConvincing = 2;
    /// What to do, if a client with this keepalive may be forgotten; otherwise empty.
    [[nodiscard]] std::string advice(Duration keepalive) const;

  private:
    void begin(const TunnelRecord& record, Instant heard, Instant at);

    TunnelEndpoint client_{};
    uint64_t id_ = 0;  ///< worker's tunnel that the figures are of
    uint64_t packets_ = 0;
    Instant heard_{};   ///< the client
    Instant looked_{};  ///< Instant{}: never
    Duration quiet_{};  ///< longest silence of both since the client was heard
    Duration at_least_{};
    Duration at_most_{};
    uint32_t times_ = 0;
};

}  // namespace ravelin
