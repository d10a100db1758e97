// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "spec/spec.h"

#include <optional>

namespace ravelin::spec {

/// One TCP segment (RFC 9293 3.1), in host order.
struct Segment {
    Side from = Side::Client;
    bool syn = false;
    bool ack = false;
    bool fin = false;
    bool rst = false;
    uint32_t sequence = 0;
    uint32_t acknowledges = 0;
    uint16_t window = 0;
    uint32_t length = 0;             ///< of the payload
    std::optional<uint8_t> scale{};  ///< window scale option (RFC 7323 2)

    /// The sequence number after this segment: SYN and FIN count as one byte each.
    [[nodiscard]] uint32_t end() const {
        return sequence + length + (syn ? 1U : 0U) + (fin ? 1U : 0U);
    }
};

/// netfilter's states of a TCP connection.
enum class TcpState : uint8_t {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2
};

/// What a segment is to the state table: the strongest of its flags.
enum class TcpKind : uint8_t { Syn, SynAck, Fin, Ack, Rst, None };

/// One TCP connection, or none yet. A plain value: to go back in time keep a copy.
class TcpSpec {
  public:
    explicit TcpSpec(Profile profile) : strict_{profile == Profile::Strict} {}

    /// A packet passes at `now`, and whoever decides allows it if it is NEW.
    Seen receive(const Segment& segment, Time now);
    /// Nothing passes: what can be seen at `now`.
    [[nodiscard]] Seen look(Time now) const;

  private:
    /// What is known about one side as a sender.
    struct Sender {
        bool heard = false;             ///< something has told us its window
        uint32_t end = 0;               ///< past the highest byte that it sent
        uint32_t limit = 0;             ///< past the highest byte that it may send
        uint32_t window = 0;            ///< the largest that it has offered
        std::optional<uint32_t> acked;  ///< the highest that it has acknowledged
        bool unacknowledged = false;    ///< something that it sent waits for its acknowledgement
        std::optional<uint8_t> scale;   ///< from its SYN
        uint8_t shift = 0;              ///< the scale that counts
        bool liberal = false;           ///< its beginning was missed: no window is held against it
        bool closed_first = false;      ///< its FIN began the closing
    };
    /// A packet that may matter to the next one.
    struct Remembered {
        TcpKind kind = TcpKind::None;
        Side from = Side::Client;
        uint32_t sequence = 0;
        uint32_t acknowledges = 0;
        uint32_t end = 0;
        uint16_t window = 0;
    };
    enum class Fit : uint8_t { Inside, Stray, Outside };

    Class open(const Segment& segment, Time now);
    Class advance(const Segment& segment, Time now);
    Class ignore(const Segment& segment);
    Class follow(const Segment& segment, TcpState next, bool check_window, Time now);
    Class reset(const Segment& segment, Time now);
    Class reset_exactly(const Segment& segment, Time now);
    Class refuse(const Segment& segment, const TcpSpec& before, Time now);
    bool answers_noted_syn(const Segment& segment) const;
    void adopt_noted_syn();
    bool may_reopen(const Segment& segment) const;
    bool reset_answers_challenge(const Segment& segment) const;
    bool reset_answers_what_was_ignored(const Segment& segment) const;
    Fit fit(const Segment& segment);
    void hear_first(const Segment& segment);
    void begin_sender(const Segment& segment);
    void learn(const Segment& segment, uint32_t acknowledges);
    void count_retransmission(const Segment& segment, uint32_t acknowledges);
    [[nodiscard]] Time timeout(TcpKind kind) const;

    Sender& sender(Side side) { return senders_[static_cast<size_t>(side)]; }
    [[nodiscard]] const Sender& sender(Side side) const {
        return senders_[static_cast<size_t>(side)];
    }
    [[nodiscard]] bool is_original(const Segment& segment) const { return segment.from == opener_; }
    [[nodiscard]] bool alive(Time now) const { return state_ != TcpState::None && now < ends_; }

    bool strict_;
    TcpState state_ = TcpState::None;
    Side opener_ = Side::Client;
    bool seen_reply_ = false;
    bool assured_ = false;
    Time ends_{};
    std::array<Sender, 2> senders_{};
    Remembered last_{};
    std::optional<uint8_t> noted_scale_;  ///< of a SYN that was let through without effect
    bool expect_challenge_ = false;       ///< an ACK may answer that SYN (RFC 5961 4)
    bool both_opened_ = false;            ///< simultaneous open (RFC 9293 3.5)
    unsigned repeats_ = 0;                ///< of the last segment
};

}  // namespace ravelin::spec
