// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/metrics_catalog.h"

#include <functional>
#include <utility>

namespace ravelin {

namespace {

using Samples = std::vector<Sample>;

/// A family with the label `port` whose value stands in PortStats.
void add_driver_metric(Registry& registry, const Appliance& appliance, MetricInfo info,
                       std::function<double(const PortStats&)> value) {
    registry.add(std::move(info), Registry::Collect{[&appliance, value = std::move(value)] {
                     Samples samples;
                     for (const PortStats& port : appliance.ports())
                         samples.push_back(sample({port.name}, value(port)));
                     return samples;
                 }});
}

/// A family with the label `port` whose value the workers count.
void add_counted_metric(Registry& registry, const Appliance& appliance, MetricInfo info,
                        std::function<uint64_t(const WorkerCounters&, size_t)> value) {
    registry.add(std::move(info), Registry::Collect{[&appliance, value = std::move(value)] {
                     Samples samples;
                     const auto& ports = appliance.config.ports;
                     for (size_t i = 0; i < ports.size(); ++i) {
                         const uint64_t sum = sum_workers(
                             appliance, [&](const auto& counters) { return value(counters, i); });
                         samples.push_back(sample({ports[i].name}, static_cast<double>(sum)));
                     }
                     return samples;
                 }});
}

void register_port_facts(Registry& registry, const Appliance& appliance) {
    registry.add(
        {"ravelin_port_info",
         MetricType::Gauge,
         "Static facts about a port; always 1.",
         {"port", "driver", "device", "mac"}},
        Registry::Collect{[&appliance] {
            Samples samples;
            for (const PortStats& port : appliance.ports())
                samples.push_back(sample({port.name, port.driver, port.device, port.mac}, 1));
            return samples;
        }});
    add_driver_metric(
        registry, appliance,
        {"ravelin_port_up", MetricType::Gauge, "Link state of the port (1 up, 0 down).", {"port"}},
        [](const PortStats& port) { return port.up ? 1.0 : 0.0; });
    add_driver_metric(registry, appliance,
                      {"ravelin_port_link_changes_total",
                       MetricType::Counter,
                       "Link state changes seen on the port.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.link_changes); });
    add_driver_metric(registry, appliance,
                      {"ravelin_port_speed_bytes",
                       MetricType::Gauge,
                       "Negotiated link speed in bytes per second; 0 when unknown.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.speed_bytes); });
}

void register_port_traffic(Registry& registry, const Appliance& appliance) {
    add_counted_metric(
        registry, appliance,
        {"ravelin_port_receive_packets_total",
         MetricType::Counter,
         "Packets handed by the port driver to the appliance.",
         {"port"}},
        [](const WorkerCounters& c, size_t port) { return c.received[port].packets.value(); });
    add_counted_metric(
        registry, appliance,
        {"ravelin_port_receive_bytes_total",
         MetricType::Counter,
         "Bytes handed by the port driver to the appliance, without frame check sequence.",
         {"port"}},
        [](const WorkerCounters& c, size_t port) { return c.received[port].bytes.value(); });
    add_counted_metric(
        registry, appliance,
        {"ravelin_port_transmit_packets_total",
         MetricType::Counter,
         "Packets accepted by the port driver for transmission.",
         {"port"}},
        [](const WorkerCounters& c, size_t port) { return c.transmitted[port].packets.value(); });
    add_counted_metric(
        registry, appliance,
        {"ravelin_port_transmit_bytes_total",
         MetricType::Counter,
         "Bytes accepted by the port driver for transmission, without frame check sequence.",
         {"port"}},
        [](const WorkerCounters& c, size_t port) { return c.transmitted[port].bytes.value(); });
}

void register_port_steering(Registry& registry, const Appliance& appliance) {
    add_counted_metric(
        registry, appliance,
        {"ravelin_port_misdirected_packets_total",
         MetricType::Counter,
         "Packets that came to a worker that doesn't own them and were handed over; "
         "next to none where the card spreads them.",
         {"port"}},
        [](const WorkerCounters& c, size_t port) { return c.misdirected[port].value(); });
}

void register_port_losses(Registry& registry, const Appliance& appliance) {
    add_driver_metric(registry, appliance,
                      {"ravelin_port_receive_missed_packets_total",
                       MetricType::Counter,
                       "Packets lost before the appliance because the receive queues were full.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.missed); });
    add_driver_metric(registry, appliance,
                      {"ravelin_port_receive_errors_total",
                       MetricType::Counter,
                       "Packets the port driver reported as received with errors.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.rx_errors); });
    add_driver_metric(registry, appliance,
                      {"ravelin_port_receive_nombuf_total",
                       MetricType::Counter,
                       "Packets lost because no packet buffer was free for the receive queue.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.nombuf); });
    add_driver_metric(registry, appliance,
                      {"ravelin_port_transmit_errors_total",
                       MetricType::Counter,
                       "Packets the port driver failed to transmit.",
                       {"port"}},
                      [](const PortStats& port) { return static_cast<double>(port.tx_errors); });
}

}  // namespace

void register_port_metrics(Registry& registry, const MetricSources& sources) {
    register_port_facts(registry, sources.appliance);
    register_port_traffic(registry, sources.appliance);
    register_port_steering(registry, sources.appliance);
    register_port_losses(registry, sources.appliance);
}

}  // namespace ravelin
