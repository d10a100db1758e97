// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/bytes.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace ravelin::testing {

/// A directory that goes away with the test.
class ScratchDirectory {
  public:
    ScratchDirectory() {
        std::string path = ::testing::TempDir() + "ravelin-capture-XXXXXX";
        if (mkdtemp(path.data()) == nullptr) std::abort();
        path_ = path;
    }
    ~ScratchDirectory() { std::filesystem::remove_all(path_); }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;

    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

struct Recorded {
    int64_t nanoseconds = 0;
    Bytes bytes;
    uint32_t wire_length = 0;  ///< 0: as many as there are bytes
};

/// A pcap file as libpcap writes it; microseconds as tcpdump does by default.
inline void write_pcap(const std::string& path, const std::vector<Recorded>& frames,
                       bool nanosecond = false, int link_type = DLT_EN10MB) {
    pcap_t* handle = pcap_open_dead_with_tstamp_precision(
        link_type, 65535, nanosecond ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO);
    pcap_dumper_t* dumper = pcap_dump_open(handle, path.c_str());
    if (dumper == nullptr) std::abort();
    for (const Recorded& frame : frames) {
        pcap_pkthdr header{};
        header.ts.tv_sec = frame.nanoseconds / 1'000'000'000;
        header.ts.tv_usec = frame.nanoseconds % 1'000'000'000 / (nanosecond ? 1 : 1000);
        header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
        header.len = frame.wire_length != 0 ? frame.wire_length : header.caplen;
        pcap_dump(reinterpret_cast<u_char*>(dumper), &header, frame.bytes.data());
    }
    pcap_dump_close(dumper);
    pcap_close(handle);
}

inline void append_le32(Bytes& out, uint64_t value) {
    for (int shift = 0; shift < 32; shift += 8)
        out.push_back(static_cast<uint8_t>(value >> shift));
}

/// A block of pcapng: type, length, body padded to 32 bits, length again.
inline void append_block(Bytes& out, uint32_t type, Bytes body) {
    body = padded(std::move(body), 4);
    const auto length = static_cast<uint32_t>(body.size() + 12);
    append_le32(out, type);
    append_le32(out, length);
    append(out, body);
    append_le32(out, length);
}

/// A pcapng file, written by hand because libpcap only reads it. Time stamps in nanoseconds
/// (if_tsresol 9), one interface.
inline void write_pcapng(const std::string& path, const std::vector<Recorded>& frames,
                         uint8_t link_type = DLT_EN10MB) {
    Bytes file;
    append_block(file, 0x0a0d0d0a,
                 {0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255});
    append_block(file, 1, {link_type, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0});
    for (const Recorded& frame : frames) {
        Bytes body;
        append_le32(body, 0);
        append_le32(body, static_cast<uint64_t>(frame.nanoseconds) >> 32);
        append_le32(body, static_cast<uint64_t>(frame.nanoseconds));
        append_le32(body, frame.bytes.size());
        append_le32(body, frame.wire_length != 0 ? frame.wire_length : frame.bytes.size());
        append(body, frame.bytes);
        append_block(file, 6, body);
    }
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(file.data()),
                                                static_cast<std::streamsize>(file.size()));
}

}  // namespace ravelin::testing
