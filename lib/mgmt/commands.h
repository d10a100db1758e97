// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "metrics/registry.h"
#include "mgmt/appliance.h"
#include "mgmt/config_state.h"
#include "mgmt/event_hub.h"
#include "mgmt/reload.h"
#include "mgmt/tbb_pool.h"
#include "mgmt/tunnel_format.h"
#include "mgmt/tunnel_watch.h"
#include "mgmt/worker_client.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {

/// What a peer of the control socket may do.
enum class Role : uint8_t { None, ReadOnly, Admin };

/// What a request leads to. `text` is sent at once; then `more` is called for further pieces while
/// it returns true; or, for events, the peer becomes a subscriber.
struct Reply {
    std::string text;
    std::function<bool(std::string& out)> more;
    std::optional<Subscription> subscription;
};

/// One line of an answer. What isn't UTF-8 is replaced.
[[nodiscard]] std::string line(const nlohmann::json& object);

/// The requests of the control socket, one JSON object per line:
///
///     {"cmd":"flows","filters":{...},"output":"table|conntrack|json","id":true,"delta_time":true}
///     {"cmd":"events","filters":{...},"output":"conntrack|json","timestamp":true,"count":10}
///     {"cmd":"stale","output":"table|json"}
///     {"cmd":"denied","filters":{...},"output":"table|json"}
///     {"cmd":"tunnels","output":"table|json","all":true,"ids":"session|hashed"}
///     {"cmd":"tunnel","id":"43e5","output":"json|text","ids":"session|hashed"}
///     {"cmd":"drops"} {"cmd":"stats"} {"cmd":"version"} {"cmd":"health"} {"cmd":"clock"}
///     {"cmd":"reload"} {"cmd":"flush"}                                      (admin)
///
/// Every answer is lines of JSON; the last one has "end":true, or is {"error":"..."} instead.
/// Management thread only.
class Commands {
  public:
    struct Parts {
        const Appliance& appliance;
        const Registry& registry;
        const ConfigState& config;
        std::function<ReloadOutcome()> reload;
        TbbPool& pool;
        TunnelWatch* tunnels = nullptr;  ///< null: tunnels are not watched
    };

    /// Each holds a copy of the table.
    static constexpr size_t kMaxListings = 2;

    explicit Commands(Parts parts);

    Result<Reply> run(std::string_view request, Role role);

    /// Null when tunnels are not watched.
    [[nodiscard]] const TunnelRegistry* tunnel_registry() const noexcept {
        return parts_.tunnels == nullptr ? nullptr : &parts_.tunnels->registry();
    }

  private:
    Result<Reply> run(const nlohmann::json& request, Role role);
    Result<Reply> flows(const nlohmann::json& request);
    Result<Reply> stale(const nlohmann::json& request);
    Result<Reply> denied(const nlohmann::json& request);
    Result<Reply> tunnels(const nlohmann::json& request);
    Result<Reply> tunnel(const nlohmann::json& request);
    Result<TunnelView> view_tunnels(const nlohmann::json& request, TunnelIds by_default);
    Result<Reply> events(const nlohmann::json& request);
    [[nodiscard]] Reply drops() const;
    [[nodiscard]] Reply stats() const;
    [[nodiscard]] Reply version() const;
    [[nodiscard]] Reply health() const;
    Reply clock();
    Reply reload();
    Result<Reply> flush();
    [[nodiscard]] FlowNames names() const;

    Parts parts_;
    WorkerClient workers_;
    std::vector<std::weak_ptr<FlowListing>> listings_;  ///< being written
};

}  // namespace ravelin
