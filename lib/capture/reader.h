// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

struct pcap;

namespace ravelin {

/// One frame of a capture. `bytes` are what the capture holds of it, which may be less than what
/// was on the wire; they are valid until the next frame is read.
struct CapturedFrame {
    int64_t nanoseconds = 0;  ///< since 1970
    uint32_t wire_length = 0;
    std::span<const uint8_t> bytes;
};

/// Reads a capture file, pcap or pcapng, Ethernet only. "-" is standard input.
class CaptureReader {
  public:
    static Result<CaptureReader> open(const std::string& path);

    /// The next frame in the file's order; nothing at the end.
    ///
    /// A file that is cut off in its last packet (its writer was killed) ends before that packet;
    /// problem() then says so.
    std::optional<CapturedFrame> next();

    /// What was wrong at the end of the file; empty when it was whole.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  private:
    struct Closer {
        void operator()(pcap* handle) const noexcept;
    };

    CaptureReader(std::string path, pcap* handle) : path_{std::move(path)}, handle_{handle} {}

    std::string path_;
    std::unique_ptr<pcap, Closer> handle_;
    uint64_t count_ = 0;
    std::string problem_;
};

}  // namespace ravelin
