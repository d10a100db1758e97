// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/sctp_tracker.h"

namespace ravelin {

namespace {

/// Chunk types, RFC 9260 3.2.
namespace chunk {
constexpr uint8_t kData = 0;
constexpr uint8_t kInit = 1;
constexpr uint8_t kInitAck = 2;
constexpr uint8_t kHeartbeat = 4;
constexpr uint8_t kHeartbeatAck = 5;
constexpr uint8_t kAbort = 6;
constexpr uint8_t kShutdown = 7;
constexpr uint8_t kShutdownAck = 8;
constexpr uint8_t kError = 9;
constexpr uint8_t kCookieEcho = 10;
constexpr uint8_t kCookieAck = 11;
constexpr uint8_t kShutdownComplete = 14;
}  // namespace chunk

constexpr uint8_t kReflected = 0x01;  // T bit of ABORT and SHUTDOWN COMPLETE, RFC 9260 3.3.7
constexpr size_t kChunkHeader = 4;
constexpr size_t kInitLength = 20;  // RFC 9260 3.3.2, with the chunk's header
/// A jumbo frame of the smallest DATA chunks has 450; the walk ends somewhere.
constexpr unsigned kMostChunks = 512;

/// One chunk; `bytes` reach from its header to the end of the packet.
struct Chunk {
    uint8_t type;
    uint8_t flags;
    bool empty;  ///< its length is 0, which can't be
    std::span<const uint8_t> bytes;
};

/// Walks over chunks whose lengths nobody has checked. Like netfilter's for_each_sctp_chunk() it
/// wants each header inside the packet, and believes a length only as far as the next header.
class ChunkReader {
  public:
    explicit ChunkReader(std::span<const uint8_t> chunks) noexcept : rest_{chunks} {}

    bool next(Chunk& out) noexcept {
        if (rest_.size() < kChunkHeader) return false;
        const size_t length = load_be16(&rest_[2]);
        out = {.type = rest_[0], .flags = rest_[1], .empty = length == 0, .bytes = rest_};
        // RFC 9260 3.2: padded to four bytes. A length of 0 leads nowhere: the walk ends here.
        const size_t step = out.empty ? rest_.size() : (length + 3) & ~size_t{3};
        rest_ = step < rest_.size() ? rest_.subspan(step) : std::span<const uint8_t>{};
        return true;
    }

  private:
    std::span<const uint8_t> rest_;
};

/// The set of chunk types in a packet; those above 31 have no meaning here.
class ChunkTypes {
  public:
    void add(uint8_t type) noexcept { bits_ |= type < 32 ? 1U << type : 0U; }
    [[nodiscard]] bool has(uint8_t type) const noexcept { return (bits_ >> type & 1U) != 0; }

  private:
    uint32_t bits_ = 0;
};

/// netfilter do_basic_checks(): at least one chunk; INIT, INIT ACK and SHUTDOWN COMPLETE alone
/// (RFC 9260 6.10), COOKIE ECHO and COOKIE ACK first.
bool survey(std::span<const uint8_t> chunks, ChunkTypes& types) noexcept {
    ChunkReader reader{chunks};
    Chunk each{};
    bool alone = false;
    unsigned count = 0;
    for (; reader.next(each); ++count) {
        const uint8_t type = each.type;
        alone = alone || type == chunk::kInit || type == chunk::kInitAck ||
                type == chunk::kShutdownComplete;
        const bool first = type == chunk::kCookieEcho || type == chunk::kCookieAck;
        if (((alone || first) && count != 0) || each.empty || count == kMostChunks) return false;
        types.add(type);
    }
    return count != 0;
}

// One cell of the table: the phase that follows. Two letters, as netfilter writes them without the
// s. NOLINTBEGIN(readability-identifier-naming)
constexpr auto iv = static_cast<uint8_t>(SctpPhase::Count);
constexpr auto CL = static_cast<uint8_t>(SctpPhase::Closed);
constexpr auto CW = static_cast<uint8_t>(SctpPhase::CookieWait);
constexpr auto CE = static_cast<uint8_t>(SctpPhase::CookieEchoed);
constexpr auto ES = static_cast<uint8_t>(SctpPhase::Established);
constexpr auto SS = static_cast<uint8_t>(SctpPhase::ShutdownSent);
constexpr auto SR = static_cast<uint8_t>(SctpPhase::ShutdownReceived);
constexpr auto SA = static_cast<uint8_t>(SctpPhase::ShutdownAckSent);
constexpr auto HS = static_cast<uint8_t>(SctpPhase::HeartbeatSent);
// NOLINTEND(readability-identifier-naming)

constexpr size_t kRows = 11;

// clang-format off
/// netfilter's sctp_conntracks[], as Linux 6.18 was seen to behave: by direction, chunk and phase.
constexpr uint8_t kTransitions[2][kRows][kSctpPhaseCount] = {
    {   // original direction
        //                    NO  CL  CW  CE  ES  SS  SR  SA  HS
        // SS, SR: the peer restarts on the old ports (RFC 9260 5.2.2).
        /* INIT          */ {CL, CL, CW, CE, ES, CL, CL, SA, CW},
        /* INIT ACK      */ {CL, CL, CW, CE, ES, SS, SR, SA, CL},
        /* ABORT         */ {CL, CL, CL, CL, CL, CL, CL, CL, CL},
        /* SHUTDOWN      */ {CL, CL, CW, CE, SS, SS, SR, SA, CL},
        // NO: of an association unknown here; the other end answers SHUTDOWN COMPLETE (8.4 (5)).
        /* SHUTDOWN ACK  */ {SA, CL, CW, CE, ES, SA, SA, SA, SA},
        /* ERROR         */ {CL, CL, CW, CE, ES, SS, SR, SA, CL},
        /* COOKIE ECHO   */ {CL, CL, CE, CE, ES, SS, SR, SA, CL},
        // CE: an INIT from either side, and the other's handshake won (5.2.1).
        /* COOKIE ACK    */ {CL, CL, CW, ES, ES, SS, SR, SA, CL},
        /* SHUTD. COMPL. */ {CL, CL, CW, CE, ES, SS, SR, CL, CL},
        // NO: a further path of a multi-homed association (8.3).
        /* HEARTBEAT     */ {HS, CL, CW, CE, ES, SS, SR, SA, HS},
        /* HEARTBEAT ACK */ {CL, CL, CW, CE, ES, SS, SR, SA, HS},
    },
    {   // reply direction
        //                    NO  CL  CW  CE  ES  SS  SR  SA  HS
        /* INIT          */ {iv, CL, CW, CE, ES, SS, SR, SA, iv},
        /* INIT ACK      */ {iv, CW, CW, CE, ES, SS, SR, SA, iv},
        /* ABORT         */ {iv, CL, CL, CL, CL, CL, CL, CL, iv},
        /* SHUTDOWN      */ {iv, CL, CW, CE, SR, SS, SR, SA, iv},
        /* SHUTDOWN ACK  */ {iv, CL, CW, CE, ES, SA, SA, SA, iv},
        // CE: a stale cookie (5.2.6).
        /* ERROR         */ {iv, CL, CW, CL, ES, SS, SR, SA, iv},
        /* COOKIE ECHO   */ {iv, CL, CE, CE, ES, SS, SR, SA, iv},
        /* COOKIE ACK    */ {iv, CL, CW, ES, ES, SS, SR, SA, iv},
        /* SHUTD. COMPL. */ {iv, CL, CW, CE, ES, SS, SR, CL, iv},
        /* HEARTBEAT     */ {iv, CL, CW, CE, ES, SS, SR, SA, HS},
        /* HEARTBEAT ACK */ {iv, CL, CW, CE, ES, SS, SR, SA, ES},
    },
};
// clang-format on

/// The row of a chunk type; kRows: it moves nothing (DATA, SACK and all others).
size_t row_of(uint8_t type) noexcept {
    switch (type) {
        case chunk::kInit:
            return 0;
        case chunk::kInitAck:
            return 1;
        case chunk::kAbort:
            return 2;
        case chunk::kShutdown:
            return 3;
        case chunk::kShutdownAck:
            return 4;
        case chunk::kError:
            return 5;
        case chunk::kCookieEcho:
            return 6;
        case chunk::kCookieAck:
            return 7;
        case chunk::kShutdownComplete:
            return 8;
        case chunk::kHeartbeat:
            return 9;
        case chunk::kHeartbeatAck:
            return 10;
        default:
            return kRows;
    }
}

uint8_t transition(size_t from, uint8_t type, SctpPhase phase) noexcept {
    const size_t row = row_of(type);
    return row == kRows ? static_cast<uint8_t>(phase)
                        : kTransitions[from][row][static_cast<size_t>(phase)];
}

/// One packet of an association on its way through the chunks. A tag of direction d is what packets
/// of that direction must carry; 0: not known yet.
struct Passage {
    SctpState state;
    SctpPhase phase{};
    const SctpPacket& packet;
    const size_t from = 0;
    ChunkTypes types{};
    bool ignored = false;      ///< passes, but renews nothing
    bool established = false;  ///< a chunk led there, whatever those behind it did

    [[nodiscard]] uint32_t& tag() noexcept { return state.tag[from]; }
    [[nodiscard]] uint32_t& peer_tag() noexcept { return state.tag[1 - from]; }
};

/// RFC 9260 8.5: what no chunk of the packet exempts must carry the direction's tag.
bool tag_is_right(Passage& p) noexcept {
    for (const uint8_t exempt :
         {chunk::kInit, chunk::kShutdownComplete, chunk::kCookieEcho, chunk::kAbort,
          chunk::kShutdownAck, chunk::kHeartbeat, chunk::kHeartbeatAck}) {
        if (p.types.has(exempt)) return true;
    }
    return p.packet.tag == p.tag();
}

enum class TagVerdict : uint8_t { Right, Ignore, Wrong };

/// A heartbeat tells the tag of a path that was never seen to be opened. Another tag than the known
/// one may be that of a restarted association: believed when the other side answers to it.
TagVerdict judge_heartbeat(Passage& p, bool answer) noexcept {
    if (p.tag() == 0) {
        p.tag() = p.packet.tag;
        return TagVerdict::Right;
    }
    const auto side = static_cast<uint8_t>(p.from);
    if (p.packet.tag == p.tag()) {
        p.state.heartbeat_failed = 0;
        return TagVerdict::Right;
    }
    if (p.types.has(chunk::kData) || p.ignored) return TagVerdict::Wrong;
    if (!answer) {
        p.state.heartbeat_failed = 1;
        p.state.last_direction = side & 1;
        p.ignored = true;
        return TagVerdict::Ignore;
    }
    if (p.state.heartbeat_failed == 0 || p.state.last_direction == side) return TagVerdict::Wrong;
    p.state.heartbeat_failed = 0;
    p.tag() = p.packet.tag;
    p.peer_tag() = 0;
    return TagVerdict::Right;
}

/// The special rules of RFC 9260 8.5.1.
TagVerdict judge_tag(Passage& p, const Chunk& each) noexcept {
    const auto right_if = [](bool right) { return right ? TagVerdict::Right : TagVerdict::Wrong; };
    switch (each.type) {
        case chunk::kInit:
            return right_if(p.packet.tag == 0);  // (A)
        case chunk::kAbort:                      // (B)
        case chunk::kShutdownComplete:           // (C)
            return right_if(p.packet.tag ==
                            ((each.flags & kReflected) != 0 ? p.peer_tag() : p.tag()));
        case chunk::kCookieEcho:
            return right_if(p.packet.tag == p.tag());  // (D)
        case chunk::kHeartbeat:
            return judge_heartbeat(p, false);
        case chunk::kHeartbeatAck:
            return judge_heartbeat(p, true);
        default:
            return TagVerdict::Right;
    }
}

/// INIT and INIT ACK tell the tag that the other side has to use. False: they contradict.
bool note_initiate_tag(Passage& p, const Chunk& each) noexcept {
    if (each.type == chunk::kCookieAck) p.state.initiated = 0;  // whoever began, it is settled
    if (each.type != chunk::kInit && each.type != chunk::kInitAck) return true;
    if (each.bytes.size() < kInitLength) return false;
    const uint32_t told = load_be32(&each.bytes[4]);
    const unsigned own = 1U << p.from;
    const unsigned other = 2U >> p.from;
    if (each.type == chunk::kInit) {
        // One that tells what is known already opens nothing: it is late or forged.
        const bool both = p.state.initiated == 3;
        if (p.peer_tag() != told) p.state.initiated = (both ? own : p.state.initiated | own) & 3;
    } else {
        const bool asked = (p.state.initiated & other) != 0;
        const bool collision = asked && (p.state.initiated & own) != 0;
        const bool differs = p.peer_tag() != told;
        if (!asked && p.peer_tag() != 0 && differs) return false;
        if (collision && differs) return false;  // both began, and this answers the other's
    }
    p.peer_tag() = told;
    return true;
}

/// All chunks in their order; false: the packet is refused.
bool walk(Passage& p) noexcept {
    ChunkReader reader{p.packet.chunks};
    Chunk each{};
    while (reader.next(each)) {
        const TagVerdict verdict = judge_tag(p, each);
        if (verdict == TagVerdict::Wrong) return false;
        if (verdict == TagVerdict::Ignore) continue;
        const uint8_t after = transition(p.from, each.type, p.phase);
        if (after == iv || !note_initiate_tag(p, each)) return false;
        // As netfilter's: who repeats INIT without an answer doesn't keep the entry alive.
        p.ignored |= each.type == chunk::kInit && p.phase == SctpPhase::Closed && after == CL;
        p.established |= after == ES && p.phase != SctpPhase::Established;
        p.phase = static_cast<SctpPhase>(after);
    }
    return true;
}

/// netfilter sctp_new(): what the first packet tells, before it is walked as any other.
bool begin(Passage& p) noexcept {
    // Out of the blue, RFC 9260 8.4.
    for (const uint8_t refused : {chunk::kAbort, chunk::kShutdownComplete, chunk::kCookieAck}) {
        if (p.types.has(refused)) return false;
    }
    ChunkReader reader{p.packet.chunks};
    Chunk each{};
    while (reader.next(each)) {
        const uint8_t after = transition(0, each.type, SctpPhase::None);
        if (after == iv || after == static_cast<uint8_t>(SctpPhase::None)) return false;
        if (each.type == chunk::kInit) {
            if (p.packet.tag != 0 || each.bytes.size() < kInitLength) return false;
            p.peer_tag() = load_be32(&each.bytes[4]);
            p.state.initiated = 1;
        } else if (each.type == chunk::kHeartbeat) {
            p.tag() = p.packet.tag;
        } else if (each.type == chunk::kShutdownAck) {
            p.peer_tag() = p.packet.tag;  // 8.4 (5): the answer reflects it
        }
    }
    return true;
}

TrackStep invalid() noexcept {
    return {.outcome = Outcome::Invalid, .reason = DropReason::ProtocolInvalid, .renew = false};
}

}  // namespace

bool SctpTracker::open(const SctpPacket& packet, const TrackingOptions& options, SctpState& state,
                       SctpPhase& phase) noexcept {
    Passage p{.state = {}, .phase = SctpPhase::None, .packet = packet, .from = 0};
    if (!survey(packet.chunks, p.types) || !begin(p)) return false;
    SctpPhase opening = SctpPhase::None;
    if (update(p.state, opening, packet, Direction::Original, options).outcome != Outcome::Pass)
        return false;
    state = p.state;
    phase = opening;
    return true;
}

TrackStep SctpTracker::update(SctpState& state, SctpPhase& phase, const SctpPacket& packet,
                              Direction direction, const TrackingOptions& options) noexcept {
    Passage p{
        .state = state, .phase = phase, .packet = packet, .from = static_cast<size_t>(direction)};
    if (!survey(packet.chunks, p.types) || !tag_is_right(p) || !walk(p)) return invalid();
    const bool changed = p.phase != phase;
    state = p.state;
    phase = p.phase;
    return {.renew = !p.ignored,
            .assured = p.established,
            .changed = changed,
            .timeout = options.timeouts.sctp(phase)};
}

}  // namespace ravelin
