// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "capture/reader.h"

#include <memory>
#include <string>

struct pcap;
struct pcap_dumper;

namespace ravelin {

/// Writes a pcap file with nanosecond time stamps, Ethernet.
class CaptureWriter {
  public:
    static Result<CaptureWriter> create(const std::string& path);

    void write(const CapturedFrame& frame);
    /// Everything is on disk, or why not.
    Result<void> close();

  private:
    struct Closer {
        void operator()(pcap* handle) const noexcept;
        void operator()(pcap_dumper* dumper) const noexcept;
    };

    CaptureWriter(std::string path, pcap* handle, pcap_dumper* dumper)
        : path_{std::move(path)}, handle_{handle}, dumper_{dumper} {}

    std::string path_;
    std::unique_ptr<pcap, Closer> handle_;
    std::unique_ptr<pcap_dumper, Closer> dumper_;
};

}  // namespace ravelin
