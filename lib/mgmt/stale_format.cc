// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/stale_format.h"

#include "conntrack/connection.h"
#include "mgmt/conntrack_format.h"
#include "mgmt/text.h"
#include "packet/drop_reason.h"
#include "packet/headers.h"

#include <algorithm>
#include <array>

namespace ravelin {

namespace {

std::string ago(Duration duration) {
    return duration < 60s ? tenths_text(duration) + " s" : short_duration(duration);
}

/// " from its opener"; nothing where the reason says it all.
std::string whose(const StaleInfo& info) {
    if (info.reason == CloseReason::Answered || info.reason == CloseReason::Replaced ||
        info.reason == CloseReason::Moved)
        return "";
    switch (info.closed_by) {
        case ClosedBy::Opener:
            return " from the opener's side";
        case ClosedBy::Responder:
            return " from the responder's side";
        case ClosedBy::Unknown:
        case ClosedBy::Nobody:
        case ClosedBy::Operator:
        case ClosedBy::Count:
            break;
    }
    return "";
}

std::string how_sure(const FlowRecord& flow, Certainty certainty) {
    const bool icmp = is_icmp(flow.protocol);
    switch (certainty) {
        case Certainty::Exact:
            return flow.protocol == ip_protocol::kTcp    ? "certain: its sequence number fits"
                   : flow.protocol == ip_protocol::kSctp ? "certain: its verification tag fits"
                   : flow.protocol == ip_protocol::kUdp
                       ? "certain: it carries the session's own id"
                       : "certain: it carries the same SPI or call id";
        case Certainty::Tuple:
            return icmp ? "addresses and identifier match" : "addresses and ports match";
        case Certainty::Guess:
        case Certainty::Count:
            break;
    }
    return "a guess: addresses and ports match, its number doesn't";
}

}  // namespace

std::string explain_stale(const FlowRecord& flow, const StaleInfo& info, Instant at,
                          const TunnelRegistry* tunnels, TunnelIds ids) {
    const TunnelStory* story =
        tunnels == nullptr || info.tunnel == 0 ? nullptr : tunnels->of_record(info.tunnel);
    const std::string ends = "opened from " + std::string{opened_from(flow)} + " by " +
                             flow_source(flow) + " to " + flow_destination(flow) +
                             (story == nullptr ? ", ended " : ", closed ") + ago(at - info.ended) +
                             " ago after " + short_duration(flow.age) + " ";
    const std::string how =
        story != nullptr && story->good_bye && info.reason == CloseReason::Exit
            ? std::string{"by an exit notice from the "} + keyword(*story->good_bye)
            : std::string{close_reason_words(info.reason)} + whose(info);
    return (story == nullptr
                ? "late packet of " + protocol_with_article(flow) + " connection "
                : "late packet of " + std::string{protocol_name(story->record.protocol)} +
                      " session " + tunnels->id(*story, ids) + ", ") +
           ends + how + "; " + how_sure(flow, info.certainty);
}

void append_stale_json(std::string& out, const FlowRecord& flow, const StaleInfo& info, Instant at,
                       const FlowNames& names) {
    out.append("\"packets\":");
    append_number(out, info.packets);
    out.append(info.direction == Direction::Original ? ",\"direction\":\"original\""
                                                     : ",\"direction\":\"reply\"");
    out.append(",\"drop\":\"").append(keyword(info.drop));
    out.append("\",\"ended_ago_s\":").append(tenths_text(at - info.ended));
    out.append(",\"lasted_s\":").append(tenths_text(flow.age));
    out.append(",\"close_reason\":\"").append(keyword(info.reason));
    out.append("\",\"closed_by\":\"").append(keyword(info.closed_by));
    out.append("\",\"certainty\":\"").append(keyword(info.certainty));
    out.append("\",\"explanation\":\"")
        .append(explain_stale(flow, info, at, names.tunnels, TunnelIds::Hashed));
    out.append("\",\"opened_from\":\"").append(opened_from(flow));
    out.append("\",");
    append_flow_ends_json(out, flow, names);
}

void append_stale_record_json(std::string& out, const StaleRecord& record, const FlowNames& names,
                              Instant now) {
    out.append("{\"first_ago_s\":").append(tenths_text(now - record.first));
    out.append(",\"last_ago_s\":").append(tenths_text(now - record.last));
    out.push_back(',');
    append_stale_json(out, record.flow, record.info, now, names);
    out.append("}\n");
}

std::string stale_table(const std::vector<StaleRecord>& records, Instant now,
                        const TunnelRegistry* tunnels) {
    std::vector<ReportRow> rows{{"LAST", "PACKETS", "DROPPED FOR", "EXPLANATION"}};
    for (const StaleRecord& record : records)
        rows.push_back({short_duration(std::max(Duration{0}, now - record.last)),
                        std::to_string(record.info.packets), std::string{keyword(record.info.drop)},
                        explain_stale(record.flow, record.info, now, tunnels)});
    return report_table(rows);
}

}  // namespace ravelin
