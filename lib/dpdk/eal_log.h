// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace ravelin {

enum class EalLogLevel : uint8_t { Debug, Info, Warning, Error };

/// Gets one line of EAL or of a driver, without its newline. Called from any thread.
using EalLogSink = std::function<void(EalLogLevel, std::string_view)>;

/// EAL's log stream: kept as text while a call may fail, passed on line by line otherwise.
///
/// EAL and the drivers say what is wrong in their log only; the calls return a bare number. So
/// the log of a failing call is the material of our message, and noise when the call succeeds.
class EalLog {
  public:
    explicit EalLog(EalLogSink sink);
    ~EalLog();
    EalLog(const EalLog&) = delete;
    EalLog& operator=(const EalLog&) = delete;

    /// From now on lines are kept. Only while no other thread logs: at start.
    void hold();
    /// What was kept since hold(); lines are passed on again.
    std::string release();

    /// Called by the stream with whole lines.
    void write(std::string_view text);

  private:
    EalLogSink sink_;
    FILE* stream_ = nullptr;
    std::string kept_;
    bool holding_ = false;
};

/// Takes away standard output and error of the process while it lives: rte_eal_init() prints
/// hints and a page of usage there.
class OutputCapture {
  public:
    OutputCapture();
    ~OutputCapture() { restore(); }
    OutputCapture(const OutputCapture&) = delete;
    OutputCapture& operator=(const OutputCapture&) = delete;

    /// Gives both back and returns what was printed.
    std::string finish();

  private:
    void restore() noexcept;
    int file_ = -1;
    int saved_output_ = -1;
    int saved_error_ = -1;
};

}  // namespace ravelin
