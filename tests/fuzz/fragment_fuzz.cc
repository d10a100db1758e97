// SPDX-License-Identifier: BSD-3-Clause
// Fragments and extension headers through the whole packet path, against a receiver as simple as
// can be. The input describes fragments; few bytes make one, so that they meet each other often.
//
// Checked after every packet: conservation, and that whatever the packets that left come to at a
// receiver, whether it keeps the first or the last of what overlaps, has the port that a rule
// allows. Nothing but UDP to that port may pass, so nothing else may be smuggled.
#include "pipeline/worker.h"
#include "support/fragmenter.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;

constexpr uint8_t kAllowedPort = 7;

void require(bool holds) {
    if (!holds) std::abort();
}

/// A fragment as its receiver sees it.
struct Sent {
    Bytes frame;
    uint32_t datagram = 0;  ///< family, id and, for IPv4, protocol
    uint8_t protocol = 0;   ///< what its data starts with, if it is the first
    uint32_t offset = 0;
    bool more = false;
    Bytes data;
};

/// Puts bytes together without any check.
class Receiver {
  public:
    explicit Receiver(bool last_wins) : last_wins_{last_wins} {}

    void take(const Sent& sent) {
        if (sent.offset == 0 && !sent.more) return judge(sent.protocol, sent.data);
        Queue& queue = queues_[sent.datagram];
        for (size_t i = 0; i < sent.data.size(); ++i) {
            auto [at, is_new] = queue.bytes.try_emplace(sent.offset + i, sent.data[i]);
            if (!is_new && last_wins_) at->second = sent.data[i];
        }
        if (sent.offset == 0 && (last_wins_ || !queue.has_first)) {
            queue.has_first = true;
            queue.protocol = sent.protocol;
        }
        if (!sent.more) queue.end = sent.offset + sent.data.size();
        if (queue.end == 0 || !queue.has_first) return;
        Bytes whole;
        for (const auto& [at, byte] : queue.bytes) {
            if (at != whole.size() || at == queue.end) break;
            whole.push_back(byte);
        }
        if (whole.size() < queue.end) return;
        judge(queue.protocol, whole);
        queues_.erase(sent.datagram);
    }

  private:
    struct Queue {
        std::map<size_t, uint8_t> bytes;
        size_t end = 0;
        uint8_t protocol = 0;
        bool has_first = false;
    };

    /// Behind extension headers, if any, there is UDP to the port that is allowed.
    static void judge(uint8_t protocol, std::span<const uint8_t> data) {
        while (protocol == 0 || protocol == 43 || protocol == 60) {
            require(data.size() >= 8);
            const size_t length = (data[1] + 1U) * 8;
            require(data.size() >= length);
            protocol = data[0];
            data = data.subspan(length);
        }
        require(protocol == ip_protocol::kUdp && data.size() >= 8);
        require(data[2] == 0 && data[3] == kAllowedPort);
    }

    bool last_wins_;
    std::map<uint32_t, Queue> queues_;
};

class FragmentIo {
  public:
    void offer(Sent sent) {
        auto packet = std::make_unique<Sent>(std::move(sent));
        waiting_ = packet.get();
        inside_.emplace(waiting_, std::move(packet));
    }
    [[nodiscard]] size_t inside() const { return inside_.size(); }

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t, Burst& burst) noexcept {
        if (waiting_ == nullptr) return 0;
        burst.add({.buffer = waiting_,
                   .data = waiting_->frame.data(),
                   .length = static_cast<uint32_t>(waiting_->frame.size())});
        waiting_ = nullptr;
        return 1;
    }
    uint32_t transmit(uint8_t, std::span<void*> buffers) noexcept {
        for (void* buffer : buffers) {
            const auto sent = inside_.extract(static_cast<Sent*>(buffer));
            require(!sent.empty());
            first_.take(*sent.mapped());
            last_.take(*sent.mapped());
        }
        return static_cast<uint32_t>(buffers.size());
    }
    void release(std::span<void*> buffers) noexcept {
        for (void* buffer : buffers)
            require(inside_.erase(static_cast<Sent*>(buffer)) == 1);
    }

  private:
    std::map<Sent*, std::unique_ptr<Sent>> inside_;
    Sent* waiting_ = nullptr;
    Receiver first_{false};
    Receiver last_{true};
};

class StepClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void advance(Duration by) { now_ += by; }

  private:
    Instant now_{};
};

class Machine {
  public:
    explicit Machine(uint8_t options) {
        topology_.port_count = 2;
        topology_.ports[0] = {.peer = 1, .wire = 0, .inside = false};
        topology_.ports[1] = {.peer = 0, .wire = 0, .inside = true};
        topology_.transmitter[0] = {0};
        topology_.transmitter[1] = {0};
        Runtime runtime;
        runtime.tracking = (options & 1) != 0 ? TrackingOptions::linux_profile()  //
                                              : TrackingOptions::strict();
        runtime.tracking.parse.verify_checksums = false;
        runtime.tracking.fragments.source_datagrams = (options & 2) != 0 ? 2 : 8;
        Rule rule;
        rule.protocol = ip_protocol::kUdp;
        rule.destination_ports = {{kAllowedPort, kAllowedPort}};
        rule.allow = true;
        runtime.policy.rules = {rule};
        runtime_ = std::make_unique<Published<Runtime>>(std::make_unique<const Runtime>(runtime));
        link_.capacity = 64;
        quiescence_.enter(0);
        worker_ = std::make_unique<Worker<FragmentIo, StepClock>>(
            WorkerParts{0, topology_, indirection_, *runtime_, quiescence_, mesh_, link_,
                        HashSecret{1, 2, 3},
                        ShardCapacity{.fragments = {.datagrams = 6, .fragments = 64}}},
            io_, clock_);
    }

    void pass(Duration step, Sent sent) {
        clock_.advance(step);
        io_.offer(std::move(sent));
        worker_->run_once();
        check();
    }
    void end() {
        worker_->drop_held();
        check();
        require(io_.inside() == 0);
    }

  private:
    void check() {
        const WorkerCounters& c = link_.counters;
        uint64_t out = c.transmitted[1].packets.value() + c.held.value();
        for (const PacketsBytes& reason : c.dropped)
            out += reason.packets.value();
        require(c.received[0].packets.value() == out);
        require(c.held.value() == io_.inside());
        require(c.dropped[0].packets.value() == 0);
    }

    Topology topology_;
    Indirection indirection_{1};
    Quiescence quiescence_{1};
    HandoffMesh mesh_{1};
    WorkerLink link_{255};
    std::unique_ptr<Published<Runtime>> runtime_;
    FragmentIo io_;
    StepClock clock_;
    std::unique_ptr<Worker<FragmentIo, StepClock>> worker_;
};

/// One fragment's description, six bytes:
///     control: family, id (2 bits), more, port or protocol (2 bits), time step (2 bits)
///     chain: extension headers behind and before the fragment header, IPv6 only
///     offset, length: in units of eight bytes, and the length's rest
///     fill: what its data is filled with, behind the port
Sent describe(std::span<const uint8_t> in) {
    constexpr std::array<uint8_t, 4> kPorts{kAllowedPort, kAllowedPort, 22, 99};
    const bool v6 = (in[0] & 1) != 0;
    const uint32_t id = in[0] >> 1 & 3;
    Sent sent;
    sent.more = (in[0] & 8) != 0;
    sent.protocol = (in[1] & 0x10) != 0 ? ip_protocol::kTcp : ip_protocol::kUdp;
    sent.offset = in[2] * 8U;
    sent.data = Bytes((in[3] & 31) * 8U + (in[3] >> 5), in[4]);
    if (in[2] >= 250) sent.offset = 65535 / 8 * 8 - (in[2] - 250U) * 8;
    for (uint32_t i = 0; v6 && sent.offset == 0 && i < (in[1] & 3U); ++i) {
        const Bytes header = {std::exchange(sent.protocol, (in[1] & 4) != 0 ? 0 : 60),
                              static_cast<uint8_t>(in[1] >> 7),
                              1,
                              4,
                              0,
                              0,
                              0,
                              0};
        sent.data.insert(sent.data.begin(), header.begin(), header.end());
    }
    // The transport header where it would be without extension headers, and behind them.
    for (size_t at = 0; sent.offset == 0 && at + 8 <= sent.data.size() && at <= 24; at += 8) {
        if (at != 0 && !(v6 && at == (in[1] & 3U) * 8)) continue;
        if (v6 && at < (in[1] & 3U) * 8) continue;
        const Bytes header = {15, 160, 0, kPorts[in[0] >> 4 & 3], 0, in[5], 0, 0};
        std::copy(header.begin(), header.end(), sent.data.begin() + static_cast<ptrdiff_t>(at));
    }
    sent.datagram = id << 8 | (v6 ? 0x10000U : sent.protocol);

    Bytes& frame = sent.frame;
    frame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    testing::append16(frame, v6 ? 0x86dd : 0x0800);
    const auto field = static_cast<uint16_t>(sent.offset);
    if (v6) {
        const Bytes before = {44, 0, 1, 4, 0, 0, 0, 0};
        const bool options = (in[1] & 0x40) != 0;
        Bytes rest = options ? before : Bytes{};
        rest.insert(rest.end(), {sent.protocol, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(id)});
        testing::put16(rest, rest.size() - 6, static_cast<uint16_t>(field | (sent.more ? 1 : 0)));
        testing::append(rest, sent.data);
        testing::append(frame, Bytes{0x60, 0, 0, 0});
        testing::append16(frame, rest.size());
        testing::append(frame, Bytes{static_cast<uint8_t>(options ? 60 : 44), 64});
        testing::append(frame, testing::address_bytes("2001:db8::1"));
        testing::append(frame, testing::address_bytes("2001:db8::2"));
        testing::append(frame, rest);
        return sent;
    }
    testing::append(frame, Bytes{0x45, 0, 0, 0, 0, 0, 0, 0, 64, sent.protocol, 0, 0});
    testing::append(frame, testing::address_bytes("10.0.0.1"));
    testing::append(frame, testing::address_bytes("10.0.0.2"));
    testing::append(frame, sent.data);
    testing::set_ipv4_fragment(frame, static_cast<uint16_t>(id),
                               static_cast<uint16_t>(field / 8 | (sent.more ? 0x2000 : 0)));
    return sent;
}

}  // namespace
}  // namespace ravelin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    static constexpr std::array<Duration, 4> kSteps{0s, 10ms, 29s, 61s};
    static constexpr size_t kDescription = 6;
    if (size == 0) return 0;
    Machine machine{data[0]};
    std::span<const uint8_t> rest{data + 1, size - 1};
    for (; rest.size() >= kDescription; rest = rest.subspan(kDescription))
        machine.pass(kSteps[rest[0] >> 6], describe(rest.first(kDescription)));
    machine.end();
    return 0;
}
