// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "mgmt/unix_socket.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace ravelin {

/// What chronyd says of the wall clock that it disciplines, as `chronyc tracking` shows it.
struct ChronyTracking {
    bool synchronised = false;  ///< it follows a source (leap status other than 3)
    /// An address, "reference clock GPS", "its own clock"; empty: none.
    std::string source;
    uint16_t stratum = 0;
    Duration reference_time{};  ///< UTC since 1970 of the last update from the source
    Duration last_offset{};     ///< what that update measured
    Duration rms_offset{};      ///< over the last ones
    Duration root_delay{};
    Duration root_dispersion{};

    /// How wrong the wall clock may be, as far as the way to the reference is the reason.
    [[nodiscard]] Duration root_distance() const noexcept {
        return root_delay / 2 + root_dispersion;
    }
    /// "192.0.2.1, stratum 3", or that there is none.
    [[nodiscard]] std::string to_string() const;
};

// Version 6 of the protocol that chronyc speaks: a request is as long as its answer, numbers are in
// network order. Offsets, sizes and codes as seen between chronyc and chronyd 4.3.
inline constexpr size_t kChronyMessageBytes = 104;
[[nodiscard]] std::array<uint8_t, kChronyMessageBytes> chrony_request(uint32_t sequence) noexcept;
/// Nothing when it isn't the answer to that request.
[[nodiscard]] std::optional<ChronyTracking> read_chrony_reply(std::span<const uint8_t> reply,
                                                              uint32_t sequence);

/// Asks the chronyd of this host, which answers this to anybody on the loopback address, and waits
/// for nothing. Management thread only.
class ChronyClient {
  public:
    static constexpr uint16_t kPort = 323;
    static constexpr Duration kInterval = 10s;
    static constexpr Duration kSilent = 35s;  ///< three requests without an answer

    explicit ChronyClient(uint16_t port = kPort);

    /// Takes in what has been answered, and asks when it is time to. Returns the last answer;
    /// nothing while there is none that isn't too old.
    const std::optional<ChronyTracking>& look(Instant now);

  private:
    void take_replies(Instant now);

    Fd socket_;  ///< none: not tried any more
    uint32_t sequence_ = 0;
    Instant next_request_{};
    Instant answered_{};
    std::optional<ChronyTracking> tracking_;
};

}  // namespace ravelin
