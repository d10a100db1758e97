// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_evidence.h"
#include "mgmt/tunnel_words.h"

#include <algorithm>

namespace ravelin {

namespace {

/// OpenVPN waits 1 to 5 s before it tries again (connect-retry), so that a client that was alive
/// until it restarted has been silent for a little more than that and one keepalive.
constexpr Duration kRestartPause = 6s;
/// The shortest of these pauses: what remains of the silence is the client's ping-restart.
constexpr Duration kConnectRetry = 1s;
/// So many clients within seconds: an operator's or a clock's doing rather than their networks'.
constexpr uint32_t kMany = 3;

constexpr bool dense(const std::array<TunnelVerdictInfo, kTunnelVerdictCount>& table) {
    for (size_t i = 0; i < table.size(); ++i)
        if (static_cast<size_t>(table[i].verdict) != i) return false;
    return true;
}

std::string count(uint64_t number, const char* singular, const char* plural) {
    return std::to_string(number) + " " + (number == 1 ? singular : plural);
}

/// "nothing from the server for 29.6 s, while the client was heard until 0.9 s before it came back"
std::string one_way(const ResetEvidence& e) {
    std::string text = "nothing from the server for " + seconds_text(e.silence(Side::Server)) +
                       ", while the client was heard until " +
                       seconds_text(e.silence(Side::Client)) + " before it came back";
    const Duration restart = e.silence(Side::Server) - kConnectRetry;
    if (restart >= 2s) text += " (its ping-restart is at most " + seconds_text(restart) + ")";
    if (e.after_renegotiation())
        text +=
            "; the silence began " + seconds_text(e.since_renegotiation) + " after a renegotiation";
    return text;
}

std::string others(const ResetEvidence& e) {
    if (e.silent_too != 0 && e.alive == 0)
        return count(e.silent_too, "other tunnel", "other tunnels") +
               " of this server fell silent at the same time and none went on";
    if (e.alive != 0)
        return "the server goes on talking to " + count(e.alive, "other client", "other clients");
    return "no other tunnel with this server tells whether it was this client alone";
}

std::string our_policy(const ResetEvidence& e) {
    if (e.flushed) return "its connection was ended here by an operator's flush";
    std::string text = count(e.dropped, "packet", "packets") + " of the server " +
                       (e.dropped == 1 ? "was" : "were") + " dropped here (" +
                       std::string{keyword(e.drop)} + ")";
    if (e.ended_early) return text + ", whose connection had idled out";
    return text + "; " + one_way(e);
}

std::string graceful(const ResetEvidence& e) {
    return e.good_bye[kClient] ? "the client had said good-bye"
                               : "the server had said that it ends or restarts the session";
}

TunnelJudgement server_silent(const ResetEvidence& e) {
    const bool all = e.alive == 0 && e.silent_too != 0;
    if (!e.answered && e.alive == 0)
        return {TunnelVerdict::ServerDown,
                "the server doesn't answer the new handshake; " + one_way(e) + "; " + others(e)};
    if (e.alive == 0 && (all || e.clock_stepped_back)) {
        std::string text = "the server answers handshakes, but " + one_way(e) + "; " + others(e);
        if (e.clock_stepped_back) text += "; its clock was set back";
        return {TunnelVerdict::ServerFreeze, text};
    }
    if (e.alternations >= 2 && !e.rival.empty())
        return {TunnelVerdict::DuplicateIdentity,
                e.client + " and " + e.rival + " displace each other, " +
                    std::to_string(e.alternations) + " times so far, about every " +
                    seconds_text(e.period) +
                    ": each falls silent when the other one's session "
                    "begins; " +
                    one_way(e)};
    std::string text = one_way(e) + "; " + others(e);
    if (!e.answered) text += "; the new handshake is not answered either";
    if (!e.rival.empty())
        text += "; the silence began with a session of " + e.rival +
                ": should that alternate, the two share one identity";
    return {TunnelVerdict::ServerLostClient, text};
}

TunnelJudgement both_alive(const ResetEvidence& e) {
    const std::string alive =
        "both sides were heard until " +
        seconds_text(std::max(e.silence(Side::Client), e.silence(Side::Server))) +
        " before the client came back";
    if (!e.answered)
        return {TunnelVerdict::ServerDown,
                "the server doesn't answer the new handshake, though " + alive};
    if (e.answers_old)
        return {TunnelVerdict::NatBeyond,
                "the server went on answering to an address that the client had left; " + alive};
    if (e.both_ping && e.at_once + 1 < kMany && e.unexplained != 0)
        return {TunnelVerdict::NatBeyond,
                "the server's packets were forwarded, but the client acts as if none had come, " +
                    count(e.unexplained + 1, "time", "times") + " within ten minutes; " + alive};
    std::string text = alive;
    if (e.at_once != 0)
        text += "; " + count(e.at_once, "other client", "other clients") +
                " came back within the same seconds";
    return {TunnelVerdict::ClientRestart, text};
}

}  // namespace

namespace {

// clang-format off
constexpr std::array<TunnelVerdictInfo, kTunnelVerdictCount> kTable = {{
    {TunnelVerdict::OurPolicy, "our_policy",
     "packets of the server were dropped by this appliance",
     "look up the drop reason in docs/drops.md; with vpn timeouts adaptive this must not happen"},
    {TunnelVerdict::ServerLostClient, "server_lost_client",
     "the server stopped talking to this client, though not to others",
     "look into the server's log at that minute: it may have ended this client's session"},
    {TunnelVerdict::DuplicateIdentity, "duplicate_identity",
     "two devices use the same certificate or key and displace each other",
     "give each device a profile of its own, or set duplicate-cn on the server"},
    {TunnelVerdict::ServerFreeze, "server_freeze",
     "the server's timers stood still for all clients: its clock was set back, or it was paused",
     "keep its clock in step by slewing (chrony, ntpd -x), and look for pauses of the machine"},
    {TunnelVerdict::ServerDown, "server_down",
     "the server's process or host was down",
     "look after the server"},
    {TunnelVerdict::NatBeyond, "nat_beyond",
     "the server's packets left here, but did not reach the client",
     "lower keepalive below the lifetime of the client's NAT, 25 s fits most"},
    {TunnelVerdict::ClientDied, "client_died",
     "the client's process had ended, or was restarted, without a good-bye",
     "explicit-exit-notify tells the server at once; look into the client's log"},
    {TunnelVerdict::ClientOffline, "client_offline",
     "the client was away: asleep, or between two networks",
     "nothing, unless it happens to many at once"},
    {TunnelVerdict::Graceful, "graceful",
     "one side had said good-bye",
     "nothing"},
    {TunnelVerdict::ClientRestart, "client_restart",
     "the client left a working tunnel: it was restarted, or its clock jumped forward",
     "if many do so at once, look at their clocks"},
}};
// clang-format on
static_assert(dense(kTable));

}  // namespace

const std::array<TunnelVerdictInfo, kTunnelVerdictCount> kTunnelVerdicts = kTable;

std::string_view keyword(TunnelVerdict verdict) noexcept {
    return kTunnelVerdicts[static_cast<size_t>(verdict)].keyword;
}

Duration silence_limit(Duration keepalive) noexcept {
    return keepalive == 0s ? Duration{15s} : keepalive * 5 / 2;
}

bool ResetEvidence::server_silent() const noexcept {
    if (!both_ping) return told_silent[kServer];
    return silence(Side::Server) >= silence_limit(server_keepalive(keepalive));
}

bool ResetEvidence::client_silent() const noexcept {
    if (!both_ping && keepalive[kClient] == 0s) return told_silent[kClient];
    Duration own = keepalive[kClient] == 0s ? keepalive[kServer] : keepalive[kClient];
    if (own == 0s) own = 10s;
    return silence(Side::Client) > own * 3 / 2 + kRestartPause;
}

TunnelJudgement judge(const ResetEvidence& e) {
    if (e.good_bye[kClient] || e.good_bye[kServer]) return {TunnelVerdict::Graceful, graceful(e)};
    // What is dropped of a server whose client has long been away hurts nobody.
    if (e.flushed || (e.dropped != 0 && (e.ended_early || !e.client_silent())))
        return {TunnelVerdict::OurPolicy, our_policy(e)};
    if (e.port_unreachable[kServer])
        return {TunnelVerdict::ServerDown,
                "the server's host answered that the port is closed; " + others(e)};
    // A NAT that has forgotten its client answers as a host does whose client has ended.
    if (e.last_refused && e.nat_forgets != 0s && !e.client_silent())
        return {TunnelVerdict::NatBeyond,
                "the server's packets were answered that the port is closed, by a NAT that forgets "
                "the client after at most " +
                    seconds_text(e.nat_forgets) + " of silence; the client was heard until " +
                    seconds_text(e.silence(Side::Client)) + " before it came back"};
    if (e.port_unreachable[kClient])
        return {TunnelVerdict::ClientDied,
                "the client's host answered that the port is closed, " +
                    seconds_text(e.silence(Side::Client)) +
                    " after its last packet at most, while the server went on"};
    if (!e.client_silent()) return e.server_silent() ? server_silent(e) : both_alive(e);
    if (e.server_silent())
        return {TunnelVerdict::ClientOffline,
                "nothing from the client for " + seconds_text(e.silence(Side::Client)) +
                    " and nothing from the server for " + seconds_text(e.silence(Side::Server))};
    return {TunnelVerdict::ClientOffline,
            "nothing from the client for " + seconds_text(e.silence(Side::Client)) +
                ", while the server went on, and no host said that the port is closed"};
}

}  // namespace ravelin
