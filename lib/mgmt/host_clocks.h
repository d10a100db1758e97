// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "mgmt/chrony.h"
#include "mgmt/unix_socket.h"

#include <cstdint>
#include <functional>
#include <optional>

struct timex;

namespace ravelin {

/// What the kernel says of its wall clock, as whoever disciplines it (chronyd, ntpd, timesyncd)
/// told it: adjtimex(2).
struct KernelClock {
    bool known = false;         ///< the call worked
    bool synchronised = false;  ///< neither STA_UNSYNC nor TIME_ERROR
    int state = 0;              ///< the return code: TIME_OK 0 to TIME_ERROR 5
    int status = 0;             ///< STA_ bits
    Duration offset{};          ///< still to be corrected
    Duration max_error{};
    Duration estimated_error{};
    double frequency_ppm = 0;  ///< by which it runs faster than its counter
    int tai_offset = 0;        ///< seconds; 0: not told
};

/// Reads the units: offset is in nanoseconds with STA_NANO, else in microseconds; the frequency is
/// ppm with 16 fractional bits.
[[nodiscard]] KernelClock to_kernel_clock(int code, const timex& read) noexcept;

/// All clocks at one moment, to within `uncertainty`.
struct ClockReading {
    Instant own{};           ///< the timers' clock
    Duration uncertainty{};  ///< between the first and the last of them
    Duration monotonic{};
    Duration raw{};   ///< CLOCK_MONOTONIC_RAW: nobody disciplines it
    Duration boot{};  ///< CLOCK_BOOTTIME: goes on while the machine sleeps
    Duration wall{};
    bool set = false;  ///< somebody has set the wall clock since the reading before
    KernelClock kernel{};
    std::optional<ChronyTracking> chrony;  ///< nothing: it doesn't answer
};

/// Reads the host's clocks. Management thread only.
class HostClocks {
  public:
    explicit HostClocks(std::function<Instant()> own);

    [[nodiscard]] ClockReading read();

  private:
    /// The kernel cancels a timer of this kind when somebody sets the clock.
    void arm();
    [[nodiscard]] bool was_set();

    std::function<Instant()> own_;
    Fd timer_;
    ChronyClient chrony_;
};

}  // namespace ravelin
