// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "capture/reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// A frame of one of several captures.
struct MergedFrame {
    uint8_t port = 0;
    CapturedFrame frame;
    int64_t clock = 0;  ///< nanoseconds since 1970; never less than that of the frame before
};

/// Several captures as one stream, in the order in which an appliance would have seen the frames:
/// by time stamp, then in the order in which the captures were added, then in the file's order.
///
/// A time stamp that goes back inside a capture counts as the latest one before it in that file.
class CaptureMerge {
  public:
    void add(uint8_t port, CaptureReader reader);

    /// The next frame; its bytes are valid until the next call.
    std::optional<MergedFrame> next();

    /// What was wrong at the files' ends; one line each.
    [[nodiscard]] std::vector<std::string> problems() const;

  private:
    struct Input {
        uint8_t port = 0;
        CaptureReader reader;
        std::optional<CapturedFrame> head{};
        int64_t clock = 0;  ///< of the head
    };

    static void advance(Input& input);

    std::vector<Input> inputs_;
    Input* taken_ = nullptr;  ///< whose head was handed out last
};

}  // namespace ravelin
