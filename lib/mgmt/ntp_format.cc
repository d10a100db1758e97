// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/ntp_format.h"

#include "mgmt/text.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace ravelin {

namespace {

using nlohmann::json;

constexpr double kFraction = 4294967296.0;  // 2^32

/// How far an NTP timestamp is ahead of the wall clock at `at`. Counted modulo 2^64, so that it
/// doesn't matter in which era of 136 years either lies (RFC 5905 6).
Duration ahead(uint64_t timestamp, Instant at, Duration unix_offset) {
    constexpr int64_t kUnixEpoch = 2'208'988'800;  // seconds after 1900
    const Duration wall = at.time_since_epoch() + unix_offset;
    const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
    const auto fraction = static_cast<uint64_t>(std::llround(seconds(wall - whole) * kFraction));
    const uint64_t ours = (static_cast<uint64_t>(whole.count() + kUnixEpoch) << 32) + fraction;
    const auto difference = static_cast<int64_t>(timestamp - ours);
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(difference) / kFraction));
}

std::string text_of(const Address& address) {
    std::string text;
    append_address(text, address, address.is_ipv4() ? Family::Ipv4 : Family::Ipv6);
    return text;
}

std::string hex(uint32_t number) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", number);
    return text.data();
}

json to_json(const NtpRecord& record, const FlowNames& names, Instant now, Duration unix_offset) {
    FlowRecord flow;
    flow.wire = record.wire;
    json one = {{"client", text_of(record.client)},
                {"server", text_of(record.server)},
                {"wire", flow_wire(flow, names)},
                {"worker", record.shard},
                {"client_side", record.client_inside ? "inside" : "outside"},
                {"requests", record.requests},
                {"answers", record.answers},
                {"unanswered", record.unanswered},
                {"last_request_ago_s", seconds(now - record.last_request)}};
    for (const char* key : {"last_answer_ago_s", "synchronised", "stratum", "reference_id",
                            "server_offset_s", "server_offset_error_s", "client_offset_s"})
        one[key] = nullptr;
    if (record.answers == 0) return one;
    one["last_answer_ago_s"] = seconds(now - record.last_answer);
    one["synchronised"] = record.synchronised;
    one["stratum"] = record.stratum;
    one["reference_id"] = hex(record.reference_id);
    if (const auto offset = server_offset(record, unix_offset)) {
        one["server_offset_s"] = seconds(offset->offset);
        one["server_offset_error_s"] = seconds(offset->error);
    }
    if (const auto offset = client_offset(record, unix_offset))
        one["client_offset_s"] = seconds(*offset);
    return one;
}

}  // namespace

std::optional<NtpOffset> server_offset(const NtpRecord& record, Duration unix_offset) {
    if (!record.synchronised || record.server_got == 0 || record.server_sent == 0) return {};
    // It got the request after that had passed here, and sent the answer before.
    const Duration most = ahead(record.server_got, record.asked, unix_offset);
    const Duration least = ahead(record.server_sent, record.last_answer, unix_offset);
    return NtpOffset{(most + least) / 2, std::chrono::abs(most - least) / 2};
}

std::optional<Duration> client_offset(const NtpRecord& record, Duration unix_offset) {
    if (record.answers == 0 || record.client_sent == 0) return {};
    const Duration offset = ahead(record.client_sent, record.asked, unix_offset);
    if (std::chrono::abs(offset) > 24h) return {};
    return offset;
}

std::string ntp_json(const std::vector<NtpRecord>& records, const FlowNames& names, Instant now,
                     Duration unix_offset) {
    json all = json::array();
    for (const NtpRecord& record : records)
        all.push_back(to_json(record, names, now, unix_offset));
    return all.dump();
}

}  // namespace ravelin
