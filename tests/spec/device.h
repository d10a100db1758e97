// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/conntrack.h"
#include "spec/spec.h"
#include "support/packet_builder.h"

#include <memory>
#include <optional>

namespace ravelin::spec {

/// A frame that was parsed as the packet path does it.
struct Frame {
    testing::Bytes bytes{};
    Headers headers{};
    FlowId id{};
    bool is_icmp_error = false;
    uint32_t quoted_sequence = 0;
    bool refused = false;  ///< by parsing; connection tracking never sees it
};

/// A frame as it is sent this time. `tcp`: numbers to write into it first.
struct Packet {
    struct Numbers {
        uint32_t sequence;
        uint32_t acknowledges;
    };
    Frame* frame = nullptr;  ///< none: nothing is sent, time passes
    std::optional<Numbers> tcp{};
};

/// lib/conntrack behind the specification's eyes: packets in, what can be seen out. Whatever is NEW
/// is allowed.
class Device {
  public:
    static constexpr const char* kClient = "198.51.100.2";
    static constexpr const char* kServer = "192.0.2.20";

    explicit Device(Profile profile);

    /// `bytes` with Ethernet, from or to kClient.
    [[nodiscard]] Frame parse(testing::Bytes bytes) const;

    /// Forgets every connection.
    void reset();
    Class receive(const Packet& packet, Time now);
    /// Every connection; the class is the caller's to fill in.
    [[nodiscard]] Seen look(Time now) const;

  private:
    static constexpr uint32_t kCapacity = Seen::kMost;

    TrackingOptions options_;
    std::unique_ptr<ConntrackCounters> counters_ = std::make_unique<ConntrackCounters>();
    std::unique_ptr<Conntrack> conntrack_;
};

}  // namespace ravelin::spec
