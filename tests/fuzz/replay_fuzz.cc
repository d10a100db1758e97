// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as one or two captures for replay. Whatever they are: frames inside the buffer that
// libpcap says, merged times that never go back, one fate per packet, and for what is no capture an
// error of one line that names the file. A well-formed pcap file is read by a loop of our own, too.
#include "base/check.h"
#include "capture/merge.h"
#include "capture/replay.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace ravelin {
namespace {

/// A file in memory with a path that can be opened.
class MemoryFile {
  public:
    explicit MemoryFile(std::span<const uint8_t> bytes) : fd_{memfd_create("capture", 0)} {
        CHECK(fd_ >= 0);
        CHECK(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    ~MemoryFile() { close(fd_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

struct ExpectedFrame {
    int64_t nanoseconds = 0;
    uint32_t wire_length = 0;
    std::vector<uint8_t> bytes;
};

/// The frames of a pcap file of this machine's byte order, Ethernet, whole and without anything
/// that a reader could take in two ways; nothing for every other file.
std::optional<std::vector<ExpectedFrame>> read_plain_pcap(std::span<const uint8_t> bytes) {
    constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
    constexpr uint32_t kNanoseconds = 0xa1b23c4d;
    constexpr uint32_t kEthernet = 1;
    constexpr uint32_t kMostBytes = 65535;
    const auto word = [&](size_t at) {
        uint32_t value = 0;
        std::memcpy(&value, &bytes[at], 4);
        return value;
    };
    if (bytes.size() < 24 || (word(0) != kMicroseconds && word(0) != kNanoseconds)) return {};
    if (word(4) != (4U << 16 | 2) || word(16) != kMostBytes || word(20) != kEthernet) return {};
    const uint32_t unit = word(0) == kMicroseconds ? 1000 : 1;
    std::vector<ExpectedFrame> frames;
    for (size_t at = 24; at < bytes.size();) {
        if (bytes.size() - at < 16) return {};
        const uint32_t seconds = word(at);
        const uint32_t fraction = word(at + 4);
        const uint32_t length = word(at + 8);
        const uint32_t wire_length = word(at + 12);
        at += 16;
        if (length > kMostBytes || length > bytes.size() - at || wire_length < length) return {};
        if (seconds > INT32_MAX || fraction >= 1'000'000'000 / unit) return {};
        const auto frame = bytes.subspan(at, length);
        frames.push_back({int64_t{seconds} * 1'000'000'000 + int64_t{fraction} * unit,
                          wire_length,
                          {frame.begin(), frame.end()}});
        at += length;
    }
    return frames;
}

/// Reads one capture to its end; how many frames it has, or nothing when it is none.
std::optional<size_t> check_reader(const std::string& path, std::span<const uint8_t> bytes) {
    auto reader = CaptureReader::open(path);
    const auto expected = read_plain_pcap(bytes);
    if (!reader) {
        CHECK(!expected);
        const std::string& message = reader.error().message;
        CHECK(message.starts_with(path + ": ") && message.size() > path.size() + 2);
        CHECK(message.find('\n') == std::string::npos);
        return std::nullopt;
    }
    size_t count = 0;
    while (const auto frame = reader->next()) {
        CHECK(frame->bytes.size() <= bytes.size());
        CHECK(frame->nanoseconds >= 0);
        if (expected) {
            CHECK(count < expected->size());
            const ExpectedFrame& wanted = (*expected)[count];
            CHECK(frame->nanoseconds == wanted.nanoseconds);
            CHECK(frame->wire_length == wanted.wire_length);
            CHECK(std::ranges::equal(frame->bytes, wanted.bytes));
        }
        ++count;
    }
    CHECK(!reader->next());
    if (expected) CHECK(count == expected->size() && reader->problem().empty());
    CHECK(reader->problem().empty() || reader->problem().starts_with(path + ": "));
    return count;
}

uint64_t total(const PacketsBytes* first, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += first[i].packets.value();
    return sum;
}

void check_replay(CaptureMerge& captures, size_t frames) {
    Topology topology;
    topology.port_count = 2;
    topology.ports[0] = {.peer = 1, .wire = 0, .inside = false};
    topology.ports[1] = {.peer = 0, .wire = 0, .inside = true};
    Runtime runtime;
    runtime.policy.default_allow = {false, true};
    Replay replay{topology, std::make_unique<const Runtime>(std::move(runtime)), 64,
                  HashSecret{1, 2, 3}};
    uint64_t number = 0;
    uint64_t held = 0;  // fragments whose datagram the capture doesn't complete
    replay.run(captures, [&](const ReplayedPacket& packet) {
        CHECK(packet.number == ++number);
        CHECK(packet.port < 2);
        held += packet.action == Action::Pending ? 1 : 0;
        const bool refused = packet.action == Action::Drop || packet.action == Action::Reject;
        CHECK(refused == (packet.reason != DropReason::None));
    });
    CHECK(number == frames);
    const WorkerCounters& c = replay.counters();
    CHECK(total(c.received.data(), 2) == frames);
    CHECK(total(c.transmitted.data(), 2) + total(c.dropped.data(), c.dropped.size()) + held ==
          frames);
    CHECK(held == c.held.value());
    CHECK(replay.flows().size() == c.entries.value());
}

}  // namespace
}  // namespace ravelin

/// Input: the length of the first capture, the first capture, the second capture.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    if (size < 2) return 0;
    const size_t length = std::min<size_t>(data[0] * 256U + data[1], size - 2);
    const std::span<const uint8_t> both{data + 2, size - 2};
    const std::array<std::span<const uint8_t>, 2> parts{both.first(length), both.subspan(length)};
    CaptureMerge merge;
    CaptureMerge again;
    size_t frames = 0;
    for (uint8_t port = 0; port < 2; ++port) {
        const MemoryFile file{parts[port]};
        const auto count = check_reader(file.path(), parts[port]);
        if (!count) continue;
        frames += *count;
        merge.add(port, std::move(*CaptureReader::open(file.path())));
        again.add(port, std::move(*CaptureReader::open(file.path())));
    }
    int64_t clock = 0;
    for (size_t i = 0; i < frames; ++i) {
        const auto frame = merge.next();
        CHECK(frame && frame->clock >= clock && frame->clock >= frame->frame.nanoseconds);
        clock = frame->clock;
    }
    CHECK(!merge.next());
    for (const std::string& problem : merge.problems())
        CHECK(problem.find('\n') == std::string::npos);
    check_replay(again, frames);
    return 0;
}
