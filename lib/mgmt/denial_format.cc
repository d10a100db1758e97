// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/denial_format.h"

#include "conntrack/connection.h"
#include "mgmt/conntrack_format.h"
#include "mgmt/text.h"
#include "packet/drop_reason.h"

#include <algorithm>
#include <optional>

namespace ravelin {

namespace {

const char* came_from(const DenialInfo& info) {
    return info.from_inside ? "inside" : "outside";
}

const char* class_word(CtClass ct_class) {
    switch (ct_class) {
        case CtClass::New:
            return "new";
        case CtClass::Established:
            return "established";
        case CtClass::Related:
            return "related";
        case CtClass::None:
        case CtClass::Invalid:
        case CtClass::Untracked:
        case CtClass::Stale:
            break;
    }
    return "invalid";
}

/// Only of a packet that could have opened a connection the rules are asked.
bool rules_were_asked(const DenialInfo& info) {
    return info.ct_class == CtClass::New && !info.is_icmp_error && !info.has_connection;
}

std::string why(const FlowRecord& flow, const DenialInfo& info, const FlowNames& names) {
    if (info.reason == DropReason::PolicyRule) {
        const std::optional<std::string> rule = flow_rule(flow, names);
        return rule ? "rule \"" + *rule + "\" drops it" : "a rule that is no longer there drops it";
    }
    return std::string{kDropReasons[static_cast<size_t>(info.reason)].sentence};
}

std::string ends(const FlowRecord& flow) {
    return flow_source(flow) + " to " + flow_destination(flow);
}

/// What an ICMP error quotes, or the packet itself.
std::string subject(const FlowRecord& flow, const DenialInfo& info) {
    if (!info.has_connection) {
        if (info.is_icmp_error) return protocol_with_article(flow) + " packet, " + ends(flow);
        const bool opens = info.ct_class == CtClass::New;
        return (opens ? "a new " + protocol_in_prose(flow) + " connection from "
                      : protocol_with_article(flow) + " packet from ") +
               came_from(info) + ", " + ends(flow);
    }
    const std::string connection = "connection that " + flow_source(flow) + " opened from " +
                                   opened_from(flow) + " to " + flow_destination(flow) + " " +
                                   short_duration(flow.age) + " before";
    if (info.is_icmp_error) return "the " + protocol_in_prose(flow) + " " + connection;
    return protocol_with_article(flow) + " packet from " + came_from(info) + ", " +
           (info.direction == Direction::Original ? "of the opener" : "in reply") + ", on the " +
           connection;
}

}  // namespace

std::string explain_denial(const FlowRecord& flow, const DenialInfo& info, const FlowNames& names) {
    std::string text;
    if (info.is_icmp_error) {
        text = "an ICMP error from " + std::string{came_from(info)} + ", sent by ";
        append_address(text, info.sender, flow.family);
        text += " about ";
    }
    text += subject(flow, info) + ": " + why(flow, info, names);
    if (!info.has_connection)
        text += info.looked_back ? "; no connection of these ends is known or remembered"
                                 : "; no connection of these ends is known";
    return text;
}

void append_denial_json(std::string& out, const FlowRecord& flow, const DenialInfo& info,
                        const FlowNames& names) {
    out.append("\"packets\":");
    append_number(out, info.packets);
    out.append(",\"reason\":\"").append(keyword(info.reason));
    out.append("\",\"class\":\"").append(class_word(info.ct_class));
    out.append("\",\"came_from\":\"").append(came_from(info));
    out.append(info.direction == Direction::Original ? "\",\"direction\":\"original"
                                                     : "\",\"direction\":\"reply");
    out.append("\",\"sender\":\"");
    append_address(out, info.sender, flow.family);
    out.append(info.is_icmp_error ? "\",\"icmp_error\":true" : "\",\"icmp_error\":false");
    out.append(",\"rule\":");
    const auto rule = rules_were_asked(info) ? flow_rule(flow, names) : std::nullopt;
    if (rule)
        append_json_string(out, *rule);
    else
        out.append("null");
    out.append(",\"explanation\":");
    append_json_string(out, explain_denial(flow, info, names));
    out.append(",\"connection\":");
    if (info.has_connection)
        append_flow_json(out, flow, names);
    else
        out.append("null");
    out.push_back(',');
    append_flow_ends_json(out, flow, names);
}

void append_denial_record_json(std::string& out, const DenialRecord& record, const FlowNames& names,
                               Instant now) {
    out.append("{\"first_ago_s\":").append(tenths_text(now - record.first));
    out.append(",\"last_ago_s\":").append(tenths_text(now - record.last));
    out.push_back(',');
    append_denial_json(out, record.flow, record.info, names);
    out.append("}\n");
}

std::string denial_table(const std::vector<DenialRecord>& records, const FlowNames& names,
                         Instant now) {
    std::vector<ReportRow> rows{{"LAST", "PACKETS", "REASON", "EXPLANATION"}};
    for (const DenialRecord& record : records)
        rows.push_back({short_duration(std::max(Duration{0}, now - record.last)),
                        std::to_string(record.info.packets),
                        std::string{keyword(record.info.reason)},
                        explain_denial(record.flow, record.info, names)});
    return report_table(rows);
}

}  // namespace ravelin
