// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <csignal>

namespace ravelin {

/// The signals that steer the appliance, held back from every thread and asked for by one.
///
/// Construct it before any other thread exists: threads inherit the mask. SIGPIPE is ignored: a
/// peer that goes away is an error of that write.
class Signals {
  public:
    Signals() {
        std::signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set_);
        for (const int number : {SIGTERM, SIGINT, SIGHUP})
            sigaddset(&set_, number);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    }

    /// The signal that waits, or 0.
    [[nodiscard]] int next() const {
        const timespec now{};
        const int number = sigtimedwait(&set_, nullptr, &now);
        return number > 0 ? number : 0;
    }

  private:
    sigset_t set_{};
};

}  // namespace ravelin
