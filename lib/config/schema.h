// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/fragments.h"
#include "conntrack/options.h"
#include "flow/hash.h"
#include "policy/policy.h"
#include "vpn/options.h"
#include "vpn/service.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ravelin {

/// The configuration as plain values, after loading and validation. Every key of ravelin.yaml
/// stands here once, with its default.

struct PortConfig {
    std::string name;     ///< "outside"; [a-z][a-z0-9_-]*, at most 31 characters
    std::string device;   ///< PCI address "0000:03:00.0", or a vdev: "net_memif0,role=server,..."
    uint16_t queues = 1;  ///< receive queues, and transmit queues where the port has them
    uint16_t descriptors = 1024;  ///< per queue and direction
    uint16_t mtu = 1500;
};

/// What enters one port leaves the other.
struct WireConfig {
    std::string name;
    uint8_t outside = 0;  ///< index into ports
    uint8_t inside = 0;
    bool allow_from_outside = false;  ///< what happens to NEW when no rule matches
    bool allow_from_inside = true;
};

struct CoresConfig {
    std::vector<uint16_t> management{0};
    std::vector<uint16_t> workers{1};  ///< one worker each; a CPU may be named twice
    uint32_t nap_microseconds = 0;     ///< longest sleep of an idle worker; 0: it polls on
};

struct ControlConfig {
    std::string socket = "/run/ravelin/ravelin.sock";
    uint16_t mode = 0660;  ///< of the socket file
};

struct HttpConfig {
    bool enabled = true;
    std::string listen = "127.0.0.1:9117";
};

struct LogConfig {
    std::string level = "info";   ///< debug, info, warning, error
    std::string format = "text";  ///< text, json
};

struct Config {
    uint32_t version = 1;
    std::vector<std::string> eal;  ///< options passed to EAL as they are
    CoresConfig cores;
    Steering steering = Steering::Addresses;
    std::vector<PortConfig> ports;
    std::vector<WireConfig> wires;
    std::vector<uint16_t> pass_ethertypes{0x0806};  ///< non-IP that crosses the wire; `non_ip`
    uint32_t connections = 262144;  ///< of the whole appliance; `conntrack.connections`
    uint32_t ipv6_percent = 50;     ///< of them may be IPv6 so many; `conntrack.ipv6_percent`
    uint32_t tombstones = 262144;   ///< likewise; `conntrack.tombstones.capacity`
    uint32_t tunnels = 16384;       ///< likewise; `tunnels.capacity`
    TunnelOptions observation;      ///< `tunnels`
    std::vector<VpnService> services;
    FragmentCapacity fragments;  ///< of each worker; `conntrack.fragments`
    TrackingOptions tracking = TrackingOptions::strict();
    Policy policy;  ///< `rules` and the wires' defaults
    ControlConfig control;
    HttpConfig http;
    LogConfig log;
    std::string sha256;  ///< of the file, lower-case hex
    std::string path;
};

}  // namespace ravelin
