// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/commands.h"

#include "mgmt/clock_health.h"
#include "mgmt/denial_format.h"
#include "mgmt/health.h"
#include "mgmt/ntp_format.h"
#include "mgmt/stale_format.h"
#include "mgmt/stats_json.h"
#include "packet/drop_reason.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace ravelin {

namespace {

using nlohmann::json;

Reply one_line(const json& object) {
    Reply reply;
    reply.text = line(object);
    return reply;
}

tl::unexpected<Error> pass_on(const Error& error) {
    return tl::unexpected<Error>{error};
}

bool flag(const json& request, const char* name) {
    return request.value(name, json{}) == true;
}

/// "output", one of `words`; the first is the default.
Result<size_t> read_output(const json& request, const std::vector<std::string>& words) {
    const auto found = request.find("output");
    if (found == request.end()) return 0;
    std::string expected;
    for (size_t i = 0; i < words.size(); ++i) {
        if (*found == words[i]) return i;
        expected += (i == 0 ? "" : ", ") + words[i];
    }
    return fail("\"output\" must be one of " + expected);
}

FlowOutput to_output(const std::string& word) {
    if (word == "table") return FlowOutput::Table;
    return word == "conntrack" ? FlowOutput::Conntrack : FlowOutput::Json;
}

Result<uint64_t> read_count(const json& request) {
    const auto found = request.find("count");
    if (found == request.end()) return UINT64_MAX;
    if (!found->is_number_unsigned() || found->get<uint64_t>() == 0)
        return fail("\"count\" must be a number over 0");
    return found->get<uint64_t>();
}

}  // namespace

std::string line(const json& object) {
    return object.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

Commands::Commands(Parts parts) : parts_{std::move(parts)}, workers_{parts_.appliance} {}

Result<Reply> Commands::run(std::string_view request, Role role) {
    const json parsed = json::parse(request, nullptr, false);
    if (!parsed.is_object()) return fail("a request is one JSON object on one line");
    return run(parsed, role);
}

Result<Reply> Commands::run(const json& request, Role role) {
    const auto found = request.find("cmd");
    if (found == request.end() || !found->is_string()) return fail("the request has no \"cmd\"");
    const auto command = found->get<std::string>();
    if (command == "flows") return flows(request);
    if (command == "events") return events(request);
    if (command == "stale") return stale(request);
    if (command == "denied") return denied(request);
    if (command == "tunnels") return tunnels(request);
    if (command == "tunnel") return tunnel(request);
    if (command == "drops") return drops();
    if (command == "stats") return stats();
    if (command == "version") return version();
    if (command == "health") return health();
    if (command == "clock") return clock();
    if (command == "reload" || command == "flush") {
        if (role != Role::Admin)
            return fail("permission denied: " + command +
                        " is for root and the user that ravelind runs as");
        if (command == "reload") return reload();
        return flush();
    }
    return fail(
        "unknown command \"" + command.substr(0, 32) +
        "\" (flows, events, stale, denied, tunnels, tunnel, drops, stats, version, health, clock, "
        "reload, flush)");
}

FlowNames Commands::names() const {
    FlowNames names;
    for (const WireConfig& wire : parts_.appliance.config.wires)
        names.wires.push_back(wire.name);
    ConfigStatus status = parts_.config.status();
    names.rules = std::move(status.rule_names);
    names.generation = status.generation;
    names.tunnels = tunnel_registry();
    return names;
}

Result<Reply> Commands::flows(const json& request) {
    static const std::vector<std::string> kOutputs{"json", "table", "conntrack"};
    const auto output = read_output(request, kOutputs);
    if (!output) return pass_on(output.error());
    FlowNames known = names();
    auto filter = parse_flow_filter(request.value("filters", json{}), known.wires);
    if (!filter) return pass_on(filter.error());
    std::erase_if(listings_, [](const auto& listing) { return listing.expired(); });
    if (listings_.size() >= kMaxListings)
        return fail("busy: " + std::to_string(kMaxListings) + " listings are being written");
    auto dump = workers_.dump();
    if (!dump) return pass_on(dump.error());

    FlowListing::Options options;
    options.filter = *filter;
    options.output = to_output(kOutputs[*output]);
    options.conntrack.id = flag(request, "id");
    options.conntrack.delta_time = flag(request, "delta_time");
    auto listing =
        std::make_shared<FlowListing>(std::move(*dump), options, std::move(known), parts_.pool);
    listings_.push_back(listing);
    Reply reply;
    reply.more = [listing](std::string& out) {
        if (listing->next(out)) return true;
        out += line({{"end", true}, {"shown", listing->shown()}, {"total", listing->total()}});
        return false;
    };
    return reply;
}

Result<Reply> Commands::stale(const json& request) {
    const auto output = read_output(request, {"json", "table"});
    if (!output) return pass_on(output.error());
    const auto records = workers_.stale();
    if (!records) return pass_on(records.error());
    const Instant now = parts_.appliance.now();
    Reply reply;
    if (*output == 0) {
        const FlowNames known = names();
        for (const StaleRecord& record : *records)
            append_stale_record_json(reply.text, record, known, now);
    } else {
        reply.text += line({{"text", stale_table(*records, now, tunnel_registry())}});
    }
    reply.text += line({{"end", true}, {"shown", records->size()}});
    return reply;
}

Result<Reply> Commands::denied(const json& request) {
    const auto output = read_output(request, {"json", "table"});
    if (!output) return pass_on(output.error());
    const FlowNames known = names();
    const auto filter = parse_flow_filter(request.value("filters", json{}), known.wires);
    if (!filter) return pass_on(filter.error());
    auto records = workers_.denials();
    if (!records) return pass_on(records.error());
    const size_t total = records->size();
    std::erase_if(*records, [&](const DenialRecord& one) { return !filter->matches(one.flow); });
    if (records->size() > filter->limit) records->resize(filter->limit);
    const Instant now = parts_.appliance.now();
    Reply reply;
    if (*output == 0) {
        for (const DenialRecord& record : *records)
            append_denial_record_json(reply.text, record, known, now);
    } else {
        reply.text += line({{"text", denial_table(*records, known, now)}});
    }
    reply.text += line({{"end", true}, {"shown", records->size()}, {"total", total}});
    return reply;
}

Result<Reply> Commands::events(const json& request) {
    static const std::vector<std::string> kOutputs{"json", "conntrack"};
    const auto output = read_output(request, kOutputs);
    if (!output) return pass_on(output.error());
    auto filter = parse_flow_filter(request.value("filters", json{}), names().wires);
    if (!filter) return pass_on(filter.error());
    const auto count = read_count(request);
    if (!count) return pass_on(count.error());

    Subscription subscription;
    subscription.filter = *filter;
    subscription.output = to_output(kOutputs[*output]);
    subscription.conntrack.id = flag(request, "id");
    subscription.conntrack.delta_time = flag(request, "delta_time");
    subscription.conntrack.timestamp = flag(request, "timestamp");
    subscription.conntrack.unix_offset = parts_.appliance.unix_offset();
    subscription.remaining = *count;
    subscription.everything = request.value("filters", json{}).empty();
    Reply reply;
    reply.text = line({{"listening", true}});
    reply.subscription = subscription;
    return reply;
}

Reply Commands::drops() const {
    Reply reply;
    uint64_t packets = 0;
    for (size_t i = 1; i < kDropReasonCount; ++i) {
        uint64_t dropped = 0;
        uint64_t bytes = 0;
        for (const WorkerHandle& worker : parts_.appliance.workers) {
            dropped += worker.link->counters.dropped[i].packets.value();
            bytes += worker.link->counters.dropped[i].bytes.value();
        }
        packets += dropped;
        const DropReasonInfo& reason = kDropReasons[i];
        reply.text += line({{"reason", reason.keyword},
                            {"sentence", reason.sentence},
                            {"fix", reason.fix},
                            {"packets", dropped},
                            {"bytes", bytes}});
    }
    reply.text += line({{"end", true}, {"packets", packets}});
    return reply;
}

Reply Commands::stats() const {
    Reply reply;
    for (const Registry::Family& family : parts_.registry.families())
        append_family_json(reply.text, family);
    reply.text += line({{"end", true}});
    return reply;
}

Reply Commands::version() const {
    const BuildInfo& build = parts_.appliance.build;
    const ConfigStatus status = parts_.config.status();
    return one_line({{"end", true},
                     {"version", build.version},
                     {"revision", build.revision},
                     {"dpdk", build.dpdk},
                     {"compiler", build.compiler},
                     {"config", status.path},
                     {"sha256", status.sha256},
                     {"generation", status.generation}});
}

Reply Commands::health() const {
    Reply reply;
    const auto checks = check_health(parts_.appliance);
    for (const HealthCheck& check : checks) {
        json one = {{"check", check.name}, {"ok", check.ok}, {"detail", check.detail}};
        if (check.advisory) one["advisory"] = true;
        reply.text += line(one);
    }
    reply.text += line({{"end", true}, {"ready", all_ok(checks)}});
    return reply;
}

Reply Commands::clock() {
    json answer = json::parse(clock_json(parts_.appliance));
    // Whoever looks for a worker that stands still looks here, too: the rest is told in any case.
    const auto ntp = workers_.ntp();
    answer["ntp"] = ntp ? json::parse(ntp_json(*ntp, names(), parts_.appliance.now(),
                                               parts_.appliance.unix_offset()))
                        : json(nullptr);
    answer["end"] = true;
    return one_line(answer);
}

Reply Commands::reload() {
    const ReloadOutcome outcome = parts_.reload();
    return one_line({{"end", true},
                     {"result", keyword(outcome.result)},
                     {"generation", outcome.generation},
                     {"message", outcome.message},
                     {"findings", outcome.findings}});
}

Result<Reply> Commands::flush() {
    uint64_t entries = 0;
    for (const WorkerHandle& worker : parts_.appliance.workers)
        entries += worker.link->counters.entries.value();
    if (auto flushed = workers_.flush(); !flushed) return pass_on(flushed.error());
    return one_line({{"end", true}, {"flushed", entries}});
}

}  // namespace ravelin
