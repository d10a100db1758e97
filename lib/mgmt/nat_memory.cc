// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/nat_memory.h"

#include "mgmt/flow_format.h"
#include "packet/headers.h"
#include "vpn/tunnels.h"

#include <algorithm>

namespace ravelin {

namespace {

/// A worker tells the same time with a tick's difference now and then.
constexpr Duration kSameTime = 2 * kTick;
/// Plain data is noted at a worker's next round, so that a silence seems to begin later.
constexpr Duration kNotedLate = TunnelTable::kRound;

}  // namespace

void NatMemory::begin(const TunnelRecord& record, Instant heard, Instant at) {
    client_ = endpoint(record, Side::Client);
    id_ = record.id;
    packets_ = record.data_packets[0];
    heard_ = heard;
    looked_ = at;
    quiet_ = at - std::max(heard, record.last_seen[1]);
}

void NatMemory::look(const TunnelRecord& record, Instant at) {
    // What NATs do with TCP is another matter, and nobody moves there.
    if (record.ip_protocol != ip_protocol::kUdp || record.stage != TunnelStage::Established) return;
    if (looked_ == Instant{}) return begin(record, record.last_seen[0], at);
    // A move that has not been told yet, or never will be.
    if (endpoint(record, Side::Client) != client_) return;
    if (record.last_seen[0] <= heard_ + kSameTime) {
        looked_ = std::max(looked_, at);
        // The packet that moves a client is counted after the move is told.
        if (record.id == id_) packets_ = record.data_packets[0];
        quiet_ = std::max(quiet_, at - std::max(heard_, record.last_seen[1]));
        return;
    }
    if (quiet_ >= kSilence) {
        at_least_ = std::max(at_least_, quiet_);
        if (at_most_ != 0s && at_most_ < quiet_) {
            at_most_ = {};
            times_ = 0;
        }
    }
    begin(record, record.last_seen[0], at);
}

void NatMemory::move(const TunnelEndpoint& old, const TunnelRecord& record, Instant at) {
    if (record.ip_protocol != ip_protocol::kUdp) return;
    // Nothing of the client's that we don't know of came between the last look and the move: its
    // packets are counted, but by each worker for itself.
    const bool exact = record.id == id_ ? record.data_packets[0] == packets_ : looked_ >= at;
    const Duration silence = at - heard_ + kNotedLate;
    if (old.address != record.address[0]) {
        at_least_ = at_most_ = {};
        times_ = 0;
    } else if (looked_ != Instant{} && old == client_ && exact && silence >= kSilence) {
        at_most_ = at_most_ == 0s ? silence : std::min(at_most_, silence);
        if (at_least_ > silence) at_least_ = {};
        ++times_;
    }
    begin(record, at, at);
}

std::string NatMemory::words() const {
    const std::string least = seconds_text(at_least_);
    const std::string seen = times_ == 1 ? "once" : std::to_string(times_) + " times";
    if (at_most_ == 0s)
        return at_least_ == 0s
                   ? ""
                   : "none noticed: the client's port outlives at least " + least + " of silence";
    std::string text = "forgets after at most " + seconds_text(at_most_) + " of silence";
    if (at_least_ != 0s) text += " and at least " + least;
    return text + " (seen " + seen + ")";
}

std::string NatMemory::advice(Duration keepalive) const {
    // A keepalive comes a second late when the sender's timer has whole seconds.
    const Duration late = std::max<Duration>(keepalive / 10, 2s);
    if (times_ < kConvincing || keepalive == 0s || keepalive + late < at_most_) return "";
    // Half of it, so that one may be lost.
    return "the client's keepalive (" + short_duration(keepalive) +
           ") may come too late for a NAT beyond us, which forgets after at most " +
           short_duration(at_most_) + " of silence: set it to " + short_duration(at_most_ / 2) +
           " or less";
}

}  // namespace ravelin
