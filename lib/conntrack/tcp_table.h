// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/options.h"
#include "conntrack/tcp_tracker.h"
#include "packet/headers.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin::tcp_table {

using Index = TcpPacketIndex;
using Phase = TcpPhase;

/// The flags that netfilter judges; PSH, ECE and CWR are always allowed (RFC 3168 6.1, RFC 3360).
inline constexpr uint8_t kStateFlags =
    tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck | tcp_flag::kUrg;
inline constexpr uint8_t kBadFlags = 0xff;

/// Those flags to the row of the table below; kBadFlags for combinations that no TCP sends.
inline constexpr auto kIndexByFlags = [] {
    using namespace tcp_flag;
    std::array<uint8_t, kStateFlags + 1> index{};
    index.fill(kBadFlags);
    index[kSyn] = index[kSyn | kUrg] = static_cast<uint8_t>(Index::Syn);
    index[kSyn | kAck] = static_cast<uint8_t>(Index::SynAck);
    index[kFin | kAck] = index[kFin | kAck | kUrg] = static_cast<uint8_t>(Index::Fin);
    index[kAck] = index[kAck | kUrg] = static_cast<uint8_t>(Index::Ack);
    index[kRst] = index[kRst | kAck] = static_cast<uint8_t>(Index::Rst);
    return index;
}();

// One cell: the phase that follows, or one of the first two. Two letters, so that the table reads
// as one; netfilter's sIG, sIV, sNO and so on. NOLINTBEGIN(readability-identifier-naming)
inline constexpr uint8_t ig = 0xfe;  // ignored: passes and moves nothing, we may be out of step
inline constexpr uint8_t iv = 0xff;  // invalid
inline constexpr auto NO = static_cast<uint8_t>(Phase::None);
inline constexpr auto SS = static_cast<uint8_t>(Phase::SynSent);
inline constexpr auto SR = static_cast<uint8_t>(Phase::SynRecv);
inline constexpr auto ES = static_cast<uint8_t>(Phase::Established);
inline constexpr auto FW = static_cast<uint8_t>(Phase::FinWait);
inline constexpr auto CW = static_cast<uint8_t>(Phase::CloseWait);
inline constexpr auto LA = static_cast<uint8_t>(Phase::LastAck);
inline constexpr auto TW = static_cast<uint8_t>(Phase::TimeWait);
inline constexpr auto CL = static_cast<uint8_t>(Phase::Close);
inline constexpr auto S2 = static_cast<uint8_t>(Phase::SynSent2);
// NOLINTEND(readability-identifier-naming)
static_assert(NO == 0 && S2 + 1 == kTcpPhaseCount);

// clang-format off
/// netfilter's tcp_conntracks[]: by direction, packet index and phase.
inline constexpr uint8_t kTransitions[2][5][kTcpPhaseCount] = {
    {   // original direction
        //          NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
        // TW, CL: a new connection on the old ports (RFC 9293 3.6.1). SR to LA: the other end
        // answers with an RST or a challenge ACK (RFC 5961 4).
        /* SYN  */ {SS, SS, ig, ig, ig, ig, ig, SS, SS, S2},
        // SR, S2: simultaneous open (RFC 9293 3.5); the opener sends none otherwise.
        /* S/A  */ {iv, iv, SR, iv, iv, iv, iv, iv, iv, SR},
        /* FIN  */ {iv, iv, FW, FW, LA, LA, LA, TW, CL, iv},
        // NO: taken up in mid-stream. SS: nothing to acknowledge yet.
        /* ACK  */ {ES, iv, ES, ES, CW, CW, TW, TW, CL, iv},
        /* RST  */ {iv, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    },
    {   // reply direction
        //          NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
        // SS: simultaneous open. TW: client and server may have changed roles.
        /* SYN  */ {iv, S2, iv, iv, iv, iv, iv, SS, iv, S2},
        // Ignored ones may answer a SYN that was ignored before.
        /* S/A  */ {iv, SR, ig, ig, ig, ig, ig, ig, ig, SR},
        /* FIN  */ {iv, iv, FW, FW, LA, LA, LA, TW, CL, iv},
        // SS: a half-open connection's challenge ACK (RFC 9293 3.5.1, RFC 5961 4). SR: answers a
        // SYN that was sent again.
        /* ACK  */ {iv, ig, SR, ES, CW, CW, TW, TW, CL, ig},
        /* RST  */ {iv, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    },
};
// clang-format on

}  // namespace ravelin::tcp_table
