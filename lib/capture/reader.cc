// SPDX-License-Identifier: BSD-3-Clause
#include "capture/reader.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>

namespace ravelin {
namespace {

/// Far past any capture; keeps a hostile time stamp from overflowing 64 bits of nanoseconds.
constexpr int64_t kLastSecond = INT64_MAX / 1'000'000'000 - 1;

int64_t nanoseconds(const timeval& time) {
    // Opened with nanosecond precision, the field of microseconds holds nanoseconds.
    if (time.tv_sec < 0) return 0;
    if (time.tv_sec > kLastSecond) return kLastSecond * 1'000'000'000;
    // libpcap hands on whatever the file says, also more than a second or less than nothing.
    return time.tv_sec * 1'000'000'000 + std::clamp<int64_t>(time.tv_usec, 0, 999'999'999);
}

/// libpcap begins its messages with the path when a file can't be opened, and not otherwise.
std::string with_path(const std::string& path, const std::string& message) {
    return message.starts_with(path) ? message : path + ": " + message;
}

}  // namespace

void CaptureReader::Closer::operator()(pcap* handle) const noexcept {
    pcap_close(handle);
}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    pcap* handle = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                           error.data());
    if (handle == nullptr) return fail(with_path(path, error.data()));
    CaptureReader reader{path, handle};
    const int type = pcap_datalink(handle);
    if (type != DLT_EN10MB) {
        const char* name = pcap_datalink_val_to_description(type);
        return fail(path + ": link type is " +
                    (name != nullptr ? std::string{name} : std::to_string(type)) +
                    ", not Ethernet; capture on an Ethernet interface (not `-i any`)");
    }
    return reader;
}

std::optional<CapturedFrame> CaptureReader::next() {
    if (!problem_.empty()) return std::nullopt;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int got = pcap_next_ex(handle_.get(), &header, &data);
    if (got == 1) {
        ++count_;
        return CapturedFrame{nanoseconds(header->ts), header->len, {data, header->caplen}};
    }
    if (got == PCAP_ERROR) {
        problem_ = path_ + ": unreadable after packet " + std::to_string(count_) + ": " +
                   pcap_geterr(handle_.get());
    }
    return std::nullopt;
}

}  // namespace ravelin
