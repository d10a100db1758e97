// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/event_hub.h"

#include "conntrack/connection.h"
#include "conntrack/record.h"
#include "mgmt/denial_format.h"
#include "mgmt/stale_format.h"
#include "mgmt/text.h"
#include "mgmt/tunnel_format.h"
#include "mgmt/worker_time.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ravelin {

namespace {

void append_event_json(std::string& out, const FlowEvent& event, const FlowNames& names,
                       Duration unix_offset) {
    using std::chrono::microseconds;
    const auto time =
        std::chrono::duration_cast<microseconds>(event.at.time_since_epoch() + unix_offset).count();
    std::string fraction = std::to_string(time % 1000000);
    out.append("{\"event\":\"").append(keyword(event.kind));
    out.append("\",\"time\":");
    append_number(out, time / 1000000);
    out.push_back('.');
    out.append(6 - fraction.size(), '0').append(fraction);
    if (event.kind == EventKind::Stale) {
        out.push_back(',');
        append_stale_json(out, event.flow, event.stale, event.at, names);
        out.append("}\n");
        return;
    }
    if (event.kind == EventKind::Denied) {
        out.push_back(',');
        append_denial_json(out, event.flow, event.denial, names);
        out.append("}\n");
        return;
    }
    if (event.kind == EventKind::Destroy) {
        out.append(",\"reason\":\"").append(keyword(event.end_reason));
        out.push_back('"');
    }
    out.append(",\"flow\":");
    append_flow_json(out, event.flow, names);
    out.append("}\n");
}

/// The connection that carries a tunnel, as far as filters ask for it.
FlowRecord flow_of(const TunnelRecord& tunnel) {
    FlowRecord flow;
    flow.source = tunnel.address[0];
    flow.destination = tunnel.address[1];
    flow.source_port = tunnel.port[0];
    flow.destination_port = tunnel.port[1];
    flow.protocol = tunnel.ip_protocol;
    flow.family = flow.source.is_ipv4() ? Family::Ipv4 : Family::Ipv6;
    flow.wire = tunnel.wire;
    flow.flags = connection_flag::kSeenReply;
    return flow;
}

}  // namespace

void Subscription::write(std::string& out, const std::vector<FlowEvent>& events,
                         const FlowNames& names) {
    for (const FlowEvent& event : events) {
        if (remaining == 0) return;
        if (output == FlowOutput::Conntrack && !is_known_to_conntrack(event.kind)) continue;
        if (!filter.matches(event.flow)) continue;
        --remaining;
        if (output == FlowOutput::Conntrack) {
            std::string line = conntrack_event_line(event, conntrack);
            line.pop_back();
            out.append("{\"text\":");
            // The tab after a timestamp is the only byte that needs escaping.
            if (const size_t tab = line.find('\t'); tab != std::string::npos)
                line.replace(tab, 1, "\\t");
            out.append("\"").append(line).append("\\n\"}\n");
        } else {
            append_event_json(out, event, names, conntrack.unix_offset);
        }
    }
}

void Subscription::write_tunnels(std::string& out, const std::vector<TunnelNews>& news,
                                 const FlowNames& names) {
    if (output == FlowOutput::Conntrack) return;
    for (const TunnelNews& one : news) {
        if (remaining == 0) return;
        if (!filter.matches(flow_of(one.record))) continue;
        --remaining;
        const uint8_t wire = one.record.wire;
        append_tunnel_news_json(
            out, one, wire < names.wires.size() ? names.wires[wire] : std::to_string(wire),
            conntrack.unix_offset);
    }
}

void Subscription::tell_losses(std::string& out) {
    if (lost == 0) return;
    const std::string count = std::to_string(std::exchange(lost, 0));
    out.append("{\"lost\":" + count);
    if (output == FlowOutput::Conntrack) out.append(",\"text\":\"# lost " + count + " events\\n\"");
    out.append("}\n");
}

EventHub::EventHub(const Appliance& appliance) : appliance_{appliance} {}

void EventHub::listen(bool wanted) {
    if (wanted == listening_) return;
    listening_ = wanted;
    // What is left from an earlier listener is nobody's news.
    if (wanted) {
        while (!drain().events.empty()) {
        }
        lost_ = lost_so_far();
    }
    for (const WorkerHandle& worker : appliance_.workers)
        worker.link->events_wanted.store(wanted, std::memory_order_relaxed);
}

uint64_t EventHub::lost_so_far() const {
    uint64_t lost = 0;
    for (const WorkerHandle& worker : appliance_.workers)
        lost += worker.link->counters.events_lost.value();
    return lost;
}

EventHub::Batch EventHub::drain() {
    Batch batch;
    // Each worker gets the same share, so that none starves the others.
    const auto share =
        static_cast<uint32_t>(kMost / std::max<size_t>(appliance_.workers.size(), 1));
    for (const WorkerHandle& worker : appliance_.workers) {
        const size_t before = batch.events.size();
        const uint32_t waiting = std::min(worker.link->events.size(), share);
        batch.events.resize(before + waiting);
        const uint32_t taken = worker.link->events.pop(batch.events.data() + before, waiting);
        batch.events.resize(before + taken);
        put_on_the_clock(std::span{batch.events}.subspan(before), *worker.link);
    }
    if (appliance_.workers.size() > 1)
        std::stable_sort(batch.events.begin(), batch.events.end(),
                         [](const FlowEvent& a, const FlowEvent& b) { return a.at < b.at; });
    const uint64_t lost = lost_so_far();
    batch.lost = lost - std::exchange(lost_, lost);
    return batch;
}

}  // namespace ravelin
