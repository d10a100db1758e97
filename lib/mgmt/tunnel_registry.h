// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "mgmt/tunnel_evidence.h"
#include "mgmt/tunnel_story.h"
#include "mgmt/tunnel_tally.h"

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace ravelin {

/// What a tunnel is called: as its client calls the session, for people, so that it can be found in
/// the peers' logs; or hashed with a secret of this run, for exports (vpn.md F).
enum class TunnelIds : uint8_t { Session, Hashed };

/// All tunnels that management knows, live and lately ended, from what workers tell.
///
/// It has no clock: each event has its time, and advance() says how late it is. A worker's tunnel
/// belongs to a story; a story goes on when its client moves, also to another worker. What happens
/// is told as news. When a client begins a new session though it had one, the verdict says why, as
/// soon as fresh figures of the old one (wants_figures(), update()) and the fate of the new
/// handshake are known.
///
/// Bounded: kMostTunnels confirmed tunnels that live, kMostUnconfirmed that nobody answered yet
/// (the oldest goes, so that a flood of handshakes can't hide what is established), kMostEnded that
/// have ended, kMostServers. One thread, but for the counters.
class TunnelRegistry {
  public:
    static constexpr size_t kMostTunnels = 8192;
    static constexpr size_t kMostUnconfirmed = 1024;
    static constexpr size_t kMostEnded = 512;
    static constexpr Duration kRememberEnded = 1h;
    static constexpr size_t kMostServers = 256;
    static constexpr size_t kMostTrials = 256;
    static constexpr size_t kMostRivals = 256;
    static constexpr size_t kMostNews = 4096;
    static constexpr Duration kClockLimit = 2s;
    static constexpr Duration kFlapWindow = 10min;
    static constexpr uint32_t kFlapAlert = 3;

    TunnelRegistry(TunnelTally& counters, const HashSecret& secret);

    /// Unix time at Instant{} by our wall clock, and whether that clock is known to be right.
    void set_wall(Duration unix_offset, bool synchronised);
    void feed(const TunnelEvent& event);
    /// Figures of all tunnels that workers have now.
    void update(std::span<const TunnelRecord> records, Instant now);
    /// No earlier event will come; what waited long enough is decided.
    void advance(Instant now);
    /// Somebody's verdict waits for update().
    [[nodiscard]] bool wants_figures(Instant now) const;
    /// What has happened since the last call, in order.
    [[nodiscard]] std::vector<TunnelNews> take_news();

    /// By the beginning of the id, either way of writing it. `many`: it isn't the only one.
    struct Found {
        const TunnelStory* story = nullptr;
        bool many = false;
    };
    [[nodiscard]] Found find(std::string_view id) const;
    /// The story that a worker's tunnel (TunnelRecord::id) belongs to.
    [[nodiscard]] const TunnelStory* of_record(uint64_t id) const;
    [[nodiscard]] const TunnelStory* story(uint32_t key) const;
    /// Live ones first, the oldest first; ended ones after them, the last first.
    [[nodiscard]] std::vector<const TunnelStory*> list() const;
    [[nodiscard]] std::string export_id(const TunnelStory& story) const;
    [[nodiscard]] std::string id(const TunnelStory& story, TunnelIds ids) const {
        return ids == TunnelIds::Session ? story.session_id() : export_id(story);
    }
    [[nodiscard]] const PeerClock* server_clock(const TunnelStory& story) const;
    /// Returns of this tunnel's client within the last ten minutes.
    [[nodiscard]] uint32_t flap_score(const TunnelStory& story, Instant now) const;
    /// Some tunnel lives that its server has confirmed.
    [[nodiscard]] bool any_confirmed() const noexcept { return confirmed_ != 0; }
    [[nodiscard]] bool synchronised() const noexcept { return synchronised_; }
    [[nodiscard]] Duration unix_offset() const noexcept { return unix_offset_; }

  private:
    using ServerKey = std::tuple<TunnelEndpoint, VpnProtocol>;
    using ClientKey = std::tuple<Address, TunnelEndpoint, VpnProtocol>;
    using SessionKey = std::tuple<TunnelEndpoint, VpnProtocol, uint64_t>;

    struct Server {
        PeerClock clock;
        Instant stepped_back{};
        bool suspect = false;  ///< told that its clock is off
        Instant last{};
    };
    struct Client {
        std::vector<uint32_t> stories;
        std::deque<Instant> resets;       ///< all but graceful ones, within kFlapWindow
        std::deque<Instant> unexplained;  ///< out of a working tunnel, likewise
        bool alerted = false;
        bool clock_suspect = false;
    };
    /// A handshake of a client that had another tunnel, until its verdict.
    struct Trial {
        uint32_t fresh = 0;  ///< story
        uint32_t old = 0;    ///< 0: not chosen yet, figures are wanted
        Instant at{};
        bool same_ports = false;
        bool answered = false;
        bool unanswered = false;
        /// The old one may go on: then it belongs to another device behind this address.
        bool doubtful = false;
        Instant deadline{};
        ResetEvidence evidence;
    };
    /// Two lineages that displaced each other.
    struct Rivalry {
        uint32_t count = 0;
        uint32_t last_loser = 0;
        Instant first{};
        Instant last{};
    };

    // tunnel_registry.cc: which story
    TunnelStory* story_of(const TunnelEvent& event);
    TunnelStory* begin_anew(TunnelStory& known, const TunnelEvent& event);
    void go_on_as(TunnelStory& known, const TunnelEvent& event);
    TunnelStory* same_ends(const TunnelRecord& record);
    TunnelStory* create(const TunnelRecord& record, Instant at);
    TunnelStory* mutable_story(uint32_t key);
    void take_record(TunnelStory& story, const TunnelRecord& record, Instant at);
    void end(TunnelStory& story, CloseReason reason, Instant at);
    void revive(TunnelStory& story);
    void forget(uint32_t key);
    void make_room(bool confirmed);
    void forget_old(Instant now);
    void recount(TunnelStory& story);
    void tell(TunnelStory& story, const TunnelEvent& event, std::string sentence);
    TunnelNews& add_news(const TunnelStory& story, Instant at, std::string_view kind,
                         std::string sentence);
    [[nodiscard]] static ServerKey server_key(const TunnelRecord& record);
    [[nodiscard]] static ClientKey client_key(const TunnelRecord& record);

    // tunnel_feed.cc: what events do to it
    void apply(TunnelStory& story, const TunnelEvent& event);
    void note_started(TunnelStory& story, const TunnelEvent& event);
    void note_retried(TunnelStory& story, const TunnelEvent& event);
    void note_renegotiating(TunnelStory& story, const TunnelEvent& event);
    void note_established(TunnelStory& story, const TunnelEvent& event);
    void note_failed(TunnelStory& story, const TunnelEvent& event);
    void note_answers_old(TunnelStory& story, const TunnelEvent& event);
    void note_moved(TunnelStory& story, const TunnelEvent& event);
    void note_late(TunnelStory& story, const TunnelEvent& event);
    void note_ended(TunnelStory& story, const TunnelEvent& event);
    void resolve_pickups();
    void adopt(TunnelStory& old, TunnelStory& fresh);
    void end_missing(Instant now);

    // tunnel_clocks.cc: peers' clocks
    Server& server_of(const TunnelRecord& record);
    void note_clock(TunnelStory& story, const TunnelEvent& event);
    void judge_server_clock(TunnelStory& story, Instant at);
    void judge_client_clock(TunnelStory& story, Instant at);
    void tell_clock(TunnelStory& story, Side side, const ClockOffset& offset, bool suspect,
                    Instant at);
    void publish_clocks();

    // tunnel_trials.cc: verdicts
    void begin_trial(TunnelStory& fresh, uint32_t old, Instant at);
    void answer_trials(const TunnelStory& fresh, bool answered);
    void choose_predecessors(Instant now);
    [[nodiscard]] uint32_t best_predecessor(const Trial& trial) const;
    void choose(Trial& trial, TunnelStory& old);
    void gather(Trial& trial, const TunnelStory& old) const;
    void count_witnesses(Trial& trial, const TunnelStory& old) const;
    void look_for_rival(Trial& trial, const TunnelStory& old);
    [[nodiscard]] bool settled(Trial& trial, Instant now) const;
    void decide(Instant now);
    void pronounce(Trial& trial, TunnelStory& fresh, TunnelStory& old);
    void score(TunnelStory& fresh, const TunnelJudgement& judgement, Instant at);

    TunnelTally& counters_;
    KeyedHash hash_;
    std::unordered_map<uint32_t, TunnelStory> stories_;
    std::unordered_map<uint64_t, uint32_t> by_record_;
    std::map<SessionKey, uint32_t> by_session_;
    std::map<ClientKey, Client> clients_;
    std::map<ServerKey, Server> servers_;
    std::map<std::pair<uint32_t, uint32_t>, Rivalry> rivalries_;
    std::deque<std::pair<Instant, ClientKey>> alive_returns_;  ///< the last out of working tunnels
    std::vector<Trial> trials_;
    std::vector<uint32_t> pickups_;     ///< taken up in mid-stream: may be another one's go-on
    std::deque<uint32_t> unconfirmed_;  ///< oldest first; some are gone or confirmed by now
    std::deque<uint32_t> ended_;        ///< confirmed ones that have ended, oldest first
    std::deque<TunnelNews> news_;
    size_t confirmed_ = 0;  ///< that live
    uint32_t next_key_ = 1;
    Duration unix_offset_{};
    bool wall_known_ = false;
    bool synchronised_ = false;
    bool clocks_changed_ = false;
    Instant now_{};  ///< the latest time that anybody told
};

}  // namespace ravelin
