// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "mgmt/commands.h"
#include "mgmt/management_counters.h"
#include "mgmt/unix_socket.h"

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {

/// Root and the daemon's own user may change things, members of its group may look.
[[nodiscard]] Role role_of(const Peer& peer, uid_t own_user, gid_t own_group);

/// The control socket: requests and answers as lines of JSON (see Commands), and the fan-out of
/// events. One thread calls run_once() all the time; nothing in it waits for a peer.
///
/// Limits (threats T71): a request is at most 64 KiB and complete within two seconds; there are at
/// most eight peers with requests and eight subscribers; a peer that doesn't read its answer for
/// ten seconds is cut off; a subscriber that reads too slowly loses events and is told how many.
class ControlServer {
  public:
    static constexpr size_t kMaxRequestBytes = 64 * 1024;
    static constexpr size_t kMaxClients = 8;
    static constexpr size_t kMaxSubscribers = 8;
    static constexpr Duration kRequestDeadline = 2s;
    static constexpr Duration kReadDeadline = 10s;
    /// Text that waits for one subscriber; beyond it events are lost.
    static constexpr size_t kMaxBacklog = 1024 * 1024;

    static Result<ControlServer> open(const Appliance& appliance, Commands& commands,
                                      const ConfigState& config, ManagementCounters& counters);

    /// Serves whatever is ready, at most `timeout` later. Without a subscriber it sleeps until
    /// something comes; with one it looks after the workers' rings every 10 ms.
    void run_once(Duration timeout);

    /// What happened to tunnels, and how much of that was lost, for those who listen.
    void tell(const std::vector<TunnelNews>& news, uint64_t lost = 0);
    /// A line of JSON for every subscriber that takes JSON and filters nothing.
    void announce(std::string_view line);

    [[nodiscard]] size_t clients() const noexcept { return sessions_.size(); }
    [[nodiscard]] size_t subscribers() const noexcept;

  private:
    struct Session {
        Fd fd;
        Role role = Role::None;
        std::string in;
        std::string out;
        size_t sent = 0;     ///< bytes of `out`
        Instant deadline{};  ///< for the request line, or for the next bytes that it reads
        std::function<bool(std::string&)> more;
        std::optional<Subscription> subscription;
        bool peer_done = false;  ///< it will send nothing more
        bool closing = false;    ///< after what is in `out`

        [[nodiscard]] bool busy() const { return sent < out.size() || more != nullptr; }
    };

    ControlServer(const Appliance& appliance, Commands& commands, const ConfigState& config,
                  ManagementCounters& counters, UnixListener listener);

    void accept_peers(Instant now);
    void receive(Session& session);
    void serve(Session& session, Instant now);
    void answer(Session& session, std::string_view request, Instant now);
    void refuse(Session& session, std::string_view message);
    void send(Session& session, Instant now);
    void check_deadline(Session& session, Instant now);
    void fan_out();
    /// Gives each subscriber its part of `count` events, `lost` of which nobody has seen.
    void deliver(size_t count, uint64_t lost,
                 const std::function<void(Subscription&, std::string& out)>& write);
    [[nodiscard]] FlowNames names() const;
    [[nodiscard]] bool finished(const Session& session) const;

    const Appliance& appliance_;
    Commands& commands_;
    const ConfigState& config_;
    ManagementCounters& counters_;
    UnixListener listener_;
    EventHub hub_;
    std::list<Session> sessions_;
};

}  // namespace ravelin
