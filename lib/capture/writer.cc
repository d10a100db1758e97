// SPDX-License-Identifier: BSD-3-Clause
#include "capture/writer.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace ravelin {
namespace {

/// libpcap's own largest snapshot length.
constexpr int kSnapshotLength = 262144;

}  // namespace

void CaptureWriter::Closer::operator()(pcap* handle) const noexcept {
    pcap_close(handle);
}
void CaptureWriter::Closer::operator()(pcap_dumper* dumper) const noexcept {
    pcap_dump_close(dumper);
}

Result<CaptureWriter> CaptureWriter::create(const std::string& path) {
    pcap* handle = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapshotLength,
                                                        PCAP_TSTAMP_PRECISION_NANO);
    if (handle == nullptr) return fail(path + ": no memory");
    pcap_dumper* dumper = pcap_dump_open(handle, path.c_str());
    if (dumper == nullptr) {
        std::string message = path + ": " + std::system_category().message(errno);
        pcap_close(handle);
        return fail(std::move(message));
    }
    return CaptureWriter{path, handle, dumper};
}

void CaptureWriter::write(const CapturedFrame& frame) {
    pcap_pkthdr header{};
    header.ts.tv_sec = frame.nanoseconds / 1'000'000'000;
    header.ts.tv_usec = frame.nanoseconds % 1'000'000'000;
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = frame.wire_length;
    pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, frame.bytes.data());
}

Result<void> CaptureWriter::close() {
    const bool broken = std::ferror(pcap_dump_file(dumper_.get())) != 0;
    const bool flushed = pcap_dump_flush(dumper_.get()) == 0;
    const int error = errno;
    dumper_.reset();
    if (broken || !flushed) return fail(path_ + ": " + std::system_category().message(error));
    return {};
}

}  // namespace ravelin
