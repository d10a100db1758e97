// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/control_server.h"

#include "mgmt/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ravelin {

namespace {

constexpr Duration kEventPace = 10ms;
/// Further pieces of an answer are made when less than this waits to be sent.
constexpr size_t kLowWater = 256 * 1024;

std::string error_line(std::string_view message) {
    std::string line = "{\"error\":";
    append_json_string(line, message);
    return line + "}\n";
}

}  // namespace

Role role_of(const Peer& peer, uid_t own_user, gid_t own_group) {
    if (peer.uid == 0 || peer.uid == own_user) return Role::Admin;
    const bool member =
        std::find(peer.groups.begin(), peer.groups.end(), own_group) != peer.groups.end();
    return member ? Role::ReadOnly : Role::None;
}

Result<ControlServer> ControlServer::open(const Appliance& appliance, Commands& commands,
                                          const ConfigState& config, ManagementCounters& counters) {
    const ControlConfig& control = appliance.config.control;
    auto listener = UnixListener::open(control.socket, control.mode);
    if (!listener) return tl::unexpected<Error>{listener.error()};
    return ControlServer{appliance, commands, config, counters, std::move(*listener)};
}

ControlServer::ControlServer(const Appliance& appliance, Commands& commands,
                             const ConfigState& config, ManagementCounters& counters,
                             UnixListener listener)
    : appliance_{appliance},
      commands_{commands},
      config_{config},
      counters_{counters},
      listener_{std::move(listener)},
      hub_{appliance} {}

size_t ControlServer::subscribers() const noexcept {
    return static_cast<size_t>(
        std::count_if(sessions_.begin(), sessions_.end(),
                      [](const Session& session) { return session.subscription.has_value(); }));
}

void ControlServer::run_once(Duration timeout) {
    std::vector<pollfd> polled{{listener_.fd(), POLLIN, 0}};
    bool work_waits = false;
    for (const Session& session : sessions_) {
        short wanted = session.peer_done || session.closing || session.busy() ? 0 : POLLIN;
        if (session.sent < session.out.size()) wanted |= POLLOUT;
        work_waits |= session.more != nullptr && session.out.size() - session.sent < kLowWater;
        polled.push_back({session.fd.get(), wanted, 0});
    }
    if (work_waits)
        timeout = 0s;
    else if (hub_.listening())
        timeout = std::min(timeout, kEventPace);
    else if (!sessions_.empty())
        timeout = std::min(timeout, Duration{100ms});
    poll(polled.data(), polled.size(), static_cast<int>(timeout / 1ms));

    const Instant now = appliance_.now();
    size_t index = 1;
    for (Session& session : sessions_) {
        const short ready = polled[index++].revents;
        if ((ready & POLLIN) != 0) receive(session);
        // A hang-up without anything left to read: nobody is there any more.
        if ((ready & (POLLERR | POLLHUP)) != 0 && (ready & POLLIN) == 0) session.fd = Fd{};
        serve(session, now);
    }
    fan_out();
    for (Session& session : sessions_) {
        if (session.fd) send(session, now);
        if (session.fd) check_deadline(session, now);
    }
    sessions_.remove_if([this](const Session& session) { return finished(session); });
    hub_.listen(subscribers() > 0);
    if ((polled[0].revents & POLLIN) != 0) accept_peers(now);
}

void ControlServer::accept_peers(Instant now) {
    for (Fd fd = listener_.accept(); fd; fd = listener_.accept()) {
        const auto peer = peer_of(fd.get());
        Session& session = sessions_.emplace_back();
        session.fd = std::move(fd);
        session.role = peer ? role_of(*peer, geteuid(), getegid()) : Role::None;
        session.deadline = now + kRequestDeadline;
        if (session.role == Role::None)
            refuse(session,
                   "permission denied: only root, the user and the group that ravelind "
                   "runs as may connect");
        else if (sessions_.size() - subscribers() > kMaxClients)
            refuse(session, "busy: " + std::to_string(kMaxClients) + " clients are connected");
        send(session, now);
        if (finished(session)) sessions_.pop_back();
    }
}

void ControlServer::receive(Session& session) {
    std::array<char, 16384> bytes{};
    const ssize_t length = recv(session.fd.get(), bytes.data(), bytes.size(), 0);
    if (length > 0 && session.subscription)
        session.closing = true;  // a subscriber has nothing more to say but good-bye
    else if (length > 0)
        session.in.append(bytes.data(), static_cast<size_t>(length));
    else if (length == 0)
        session.peer_done = true;
    else if (errno != EAGAIN && errno != EINTR)
        session.fd = Fd{};
}

void ControlServer::serve(Session& session, Instant now) {
    if (!session.fd || session.closing) return;
    while (!session.busy() && !session.subscription && !session.closing) {
        const size_t end = session.in.find('\n');
        if (end == std::string::npos) {
            if (session.in.size() > kMaxRequestBytes)
                refuse(session,
                       "a request has at most " + std::to_string(kMaxRequestBytes) + " bytes");
            break;
        }
        if (end > kMaxRequestBytes) {
            refuse(session, "a request has at most " + std::to_string(kMaxRequestBytes) + " bytes");
            break;
        }
        const std::string request = session.in.substr(0, end);
        session.in.erase(0, end + 1);
        answer(session, request, now);
    }
    while (session.more && session.out.size() - session.sent < kLowWater)
        if (!session.more(session.out)) session.more = nullptr;
}

void ControlServer::answer(Session& session, std::string_view request, Instant now) {
    auto reply = commands_.run(request, session.role);
    if (reply && reply->subscription && subscribers() >= kMaxSubscribers)
        reply = fail("busy: " + std::to_string(kMaxSubscribers) + " subscribers are connected");
    counters_.count_request(Transport::Unix, reply.has_value());
    if (!reply) {
        session.out += error_line(reply.error().message);
    } else {
        session.out += reply->text;
        session.more = std::move(reply->more);
        session.subscription = reply->subscription;
        // From now on, so that no event between the answer and the next round is missed.
        if (session.subscription) hub_.listen(true);
    }
    session.deadline = now + kReadDeadline;
}

void ControlServer::refuse(Session& session, std::string_view message) {
    counters_.count_request(Transport::Unix, false);
    session.out += error_line(message);
    session.closing = true;
}

void ControlServer::send(Session& session, Instant now) {
    if (session.out.empty()) return;
    while (session.sent < session.out.size()) {
        const ssize_t length =
            ::send(session.fd.get(), session.out.data() + session.sent,
                   session.out.size() - session.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (length < 0) {
            if (errno != EAGAIN && errno != EINTR) session.fd = Fd{};
            break;
        }
        session.sent += static_cast<size_t>(length);
        session.deadline = now + kReadDeadline;
    }
    if (session.sent == session.out.size()) {
        session.out.clear();
        session.sent = 0;
        if (!session.more) session.deadline = now + kRequestDeadline;
    } else if (session.sent > kMaxBacklog / 4) {
        session.out.erase(0, session.sent);
        session.sent = 0;
    }
}

void ControlServer::check_deadline(Session& session, Instant now) {
    if (now < session.deadline) return;
    if (session.sent < session.out.size())
        session.fd = Fd{};  // doesn't read: nothing that is sent now would arrive
    else if (!session.subscription && !session.closing && !session.more)
        refuse(session, "no complete request within 2 s");
}

FlowNames ControlServer::names() const {
    FlowNames names;
    for (const WireConfig& wire : appliance_.config.wires)
        names.wires.push_back(wire.name);
    ConfigStatus status = config_.status();
    names.rules = std::move(status.rule_names);
    names.generation = status.generation;
    names.tunnels = commands_.tunnel_registry();
    return names;
}

void ControlServer::fan_out() {
    if (!hub_.listening()) return;
    const EventHub::Batch batch = hub_.drain();
    if (batch.events.empty() && batch.lost == 0) return;
    deliver(batch.events.size(), batch.lost,
            [&, known = names()](Subscription& subscription, std::string& out) {
                subscription.write(out, batch.events, known);
            });
}

void ControlServer::tell(const std::vector<TunnelNews>& news, uint64_t lost) {
    if ((news.empty() && lost == 0) || subscribers() == 0) return;
    deliver(news.size(), lost, [&, known = names()](Subscription& subscription, std::string& out) {
        subscription.write_tunnels(out, news, known);
    });
}

void ControlServer::deliver(size_t count, uint64_t lost,
                            const std::function<void(Subscription&, std::string& out)>& write) {
    const Duration unix_offset = appliance_.unix_offset();
    for (Session& session : sessions_) {
        if (!session.subscription || session.closing) continue;
        Subscription& subscription = *session.subscription;
        subscription.follow_wall_clock(unix_offset);
        subscription.lost += lost;
        if (session.out.size() - session.sent > kMaxBacklog) {
            subscription.lost += count;
            counters_.events_lost_subscriber.fetch_add(count, std::memory_order_relaxed);
            continue;
        }
        subscription.tell_losses(session.out);
        write(subscription, session.out);
        if (subscription.remaining == 0) {
            session.out += "{\"end\":true}\n";
            session.closing = true;
        }
    }
}

void ControlServer::announce(std::string_view line) {
    for (Session& session : sessions_) {
        if (!session.subscription || session.closing || !session.subscription->everything ||
            session.subscription->output != FlowOutput::Json)
            continue;
        if (session.out.size() - session.sent > kMaxBacklog)
            ++session.subscription->lost;
        else
            session.out.append(line);
    }
}

bool ControlServer::finished(const Session& session) const {
    if (!session.fd) return true;
    if (session.sent < session.out.size() || session.more) return false;
    return session.closing || (session.peer_done && !session.subscription);
}

}  // namespace ravelin
