// SPDX-License-Identifier: BSD-3-Clause
// Any line as a request of the control socket. Whatever it is: an answer or an error of one line;
// every line of an answer is a JSON object and the last one says that it is; only an admin changes
// anything. The request's filter also chooses from a fixed list, where a plain loop counts along.
#include "base/check.h"
#include "conntrack/connection.h"
#include "mgmt/commands.h"
#include "mgmt/metrics_catalog.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {
namespace {

using nlohmann::json;

/// Every line is an object; returns the last one.
json check_lines(std::string_view text) {
    json last;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        CHECK(end != std::string_view::npos);
        last = json::parse(text.substr(0, end), nullptr, false);
        CHECK(last.is_object());
        text.remove_prefix(end + 1);
    }
    return last;
}

std::vector<FlowRecord> some_flows() {
    std::vector<FlowRecord> flows;
    for (uint32_t i = 0; i < 24; ++i) {
        FlowRecord flow;
        flow.id = 1000 - 7 * i;
        flow.family = i % 3 == 0 ? Family::Ipv6 : Family::Ipv4;
        if (flow.family == Family::Ipv4) flow.source.bytes[10] = flow.source.bytes[11] = 0xff;
        flow.destination = flow.source;
        flow.source.bytes[15] = static_cast<uint8_t>(i);
        flow.destination.bytes[12] = static_cast<uint8_t>(i * 11);
        flow.protocol = std::array<uint8_t, 5>{6, 17, 1, 47, 58}[i % 5];
        flow.source_port = static_cast<uint16_t>(i * 2700);
        flow.destination_port = static_cast<uint16_t>(1190 + i);
        if (flow.protocol == 6) flow.state = static_cast<uint8_t>(1 + i % (kTcpPhaseCount - 1));
        flow.flags = static_cast<uint8_t>(i % 4 * connection_flag::kSeenReply);
        flow.packets = {i % 5, i % 7};
        flow.bytes = {i * 1000, i % 2};
        flow.remaining = Duration{1s} * (i % 6);
        flow.age = Duration{1s} * (i % 9);
        flow.rule = static_cast<uint16_t>(i % 3);
        flow.policy_generation = 1;
        flows.push_back(flow);
    }
    return flows;
}

/// What `ravelind` would hand to management, but for workers: nobody answers here.
class Management {
  public:
    Management() {
        appliance_.config.ports = {{"outside", "net_null0"}, {"inside", "net_null1"}};
        WireConfig wire;
        wire.name = "vpn";
        wire.inside = 1;
        appliance_.config.wires = {wire};
        Rule rule;
        rule.name = "allow-vpn";
        appliance_.config.policy.rules = {rule};
        appliance_.build = {"0.1.0", "abc1234", "DPDK", "compiler"};
        appliance_.topology = &topology_;
        appliance_.runtime = &runtime_;
        appliance_.quiescence = &quiescence_;
        appliance_.now = [] { return Instant{1h}; };
        appliance_.unix_offset = [] { return Duration{1700000000s}; };
        appliance_.ports = [] { return std::vector<PortStats>{}; };
        appliance_.mempools = [] { return std::vector<MempoolStats>{}; };
        config_ = std::make_unique<ConfigState>(appliance_);
        register_metrics(registry_, {appliance_, *config_, counters_});
        pool_ = std::move(*TbbPool::create({}, 1));
        commands_ = std::make_unique<Commands>(
            Commands::Parts{appliance_, registry_, *config_,
                            [this] {
                                ++reloads_;
                                return ReloadOutcome{ReloadResult::Rejected, 1, message_, message_};
                            },
                            *pool_});
    }

    void check(std::string_view request, bool admin) {
        const uint64_t reloads_before = reloads_;
        message_ = request;  // a finding may quote any bytes of the file
        auto reply = commands_->run(request, admin ? Role::Admin : Role::ReadOnly);
        CHECK(admin || reloads_ == reloads_before);
        if (!reply) {
            const std::string& message = reply.error().message;
            CHECK(!message.empty() && message.size() < 2048);
            return;
        }
        std::string text = reply->text;
        CHECK(!text.empty() || reply->more);
        for (int pieces = 0; reply->more && reply->more(text); ++pieces)
            CHECK(pieces < 1000);
        const json last = check_lines(text);
        CHECK(last.contains("end") != reply->subscription.has_value());
        const json parsed = json::parse(request);
        if (parsed["cmd"] == "flows") check_listing(parsed);
        if (reply->subscription) check_events(*reply->subscription);
    }

  private:
    [[nodiscard]] FlowNames names() const { return {{"vpn"}, {"allow-vpn"}, 1}; }

    void check_listing(const json& request) {
        const auto filter = parse_flow_filter(request.value("filters", json{}), {"vpn"});
        CHECK(filter.has_value());
        const std::string output = request.value("output", "json");
        FlowListing::Options options;
        options.filter = *filter;
        options.output = output == "table"       ? FlowOutput::Table
                         : output == "conntrack" ? FlowOutput::Conntrack
                                                 : FlowOutput::Json;
        FlowListing listing{flows_, options, names(), *pool_};
        const auto matching = static_cast<uint64_t>(
            std::count_if(flows_.begin(), flows_.end(),
                          [&](const FlowRecord& flow) { return filter->matches(flow); }));
        CHECK(listing.total() == flows_.size());
        CHECK(listing.shown() == std::min(matching, filter->limit));
        std::string text;
        while (listing.next(text)) {
        }
        check_lines(text);
        if (options.output != FlowOutput::Json) return;
        CHECK(static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')) == listing.shown());
        check_order(text, *filter);
    }

    /// No two neighbours stand in the wrong order.
    void check_order(const std::string& text, const FlowFilter& filter) {
        std::vector<FlowRecord> listed;
        for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
            const json line = json::parse(text.substr(at, text.find('\n', at) - at));
            const auto found =
                std::ranges::find(flows_, line["id"].get<uint64_t>(), &FlowRecord::id);
            CHECK(found != flows_.end());
            listed.push_back(*found);
        }
        const auto wrong =
            std::ranges::adjacent_find(listed, [&](const FlowRecord& a, const FlowRecord& b) {
                switch (filter.sort) {
                    case FlowSort::Bytes:
                        return a.bytes[0] + a.bytes[1] < b.bytes[0] + b.bytes[1];
                    case FlowSort::Packets:
                        return a.packets[0] + a.packets[1] < b.packets[0] + b.packets[1];
                    case FlowSort::Age:
                        return a.age < b.age;
                    case FlowSort::Timeout:
                        return a.remaining > b.remaining;
                    case FlowSort::None:
                        return a.id < b.id;  // as in the list, which goes down
                }
                return true;
            });
        CHECK(wrong == listed.end());
    }

    void check_events(Subscription& subscription) {
        const uint64_t wanted = subscription.remaining;
        const auto matching =
            static_cast<uint64_t>(std::ranges::count_if(events_, [&](const FlowEvent& event) {
                return subscription.filter.matches(event.flow);
            }));
        std::string text;
        subscription.write(text, events_, names());
        const auto written = static_cast<uint64_t>(std::ranges::count(text, '\n'));
        CHECK(written == std::min(matching, wanted));
        CHECK(wanted == UINT64_MAX || subscription.remaining == wanted - written);
        check_lines(text);
    }

    static std::vector<FlowEvent> events_of(const std::vector<FlowRecord>& flows) {
        std::vector<FlowEvent> events;
        for (const FlowRecord& flow : flows) {
            const auto kind = static_cast<EventKind>(events.size() % 3);
            events.push_back({kind, EndReason::Timeout, Instant{1s}, flow});
        }
        return events;
    }

    Topology topology_;
    Quiescence quiescence_{1};
    Published<Runtime> runtime_{std::make_unique<Runtime>()};
    Appliance appliance_;
    ManagementCounters counters_;
    Registry registry_;
    std::unique_ptr<ConfigState> config_;
    std::unique_ptr<TbbPool> pool_;
    std::unique_ptr<Commands> commands_;
    std::string message_;
    uint64_t reloads_ = 0;
    std::vector<FlowRecord> flows_ = some_flows();
    std::vector<FlowEvent> events_ = events_of(flows_);
};

}  // namespace
}  // namespace ravelin

/// Input: the role, then a request without its newline.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static ravelin::Management management;
    if (size == 0) return 0;
    management.check({reinterpret_cast<const char*>(data + 1), size - 1}, (data[0] & 1) != 0);
    return 0;
}
