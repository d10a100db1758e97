// SPDX-License-Identifier: BSD-3-Clause
// The six situations in which the kernel's own selftests try its TCP tracking with packetdrill, in
// both profiles. What differs between them is said where it does.
#include "conntrack/tcp_tracker.h"
#include "tcp_script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::TcpLab;
using Lines = std::vector<std::string>;

void play_linux(const Lines& lines) {
    TcpLab lab{TrackingOptions::linux_profile(), 1000, 0xffffff00};
    lab.play(lines);
}
void play_strict(const Lines& lines) {
    TcpLab lab{TrackingOptions::strict(), 1000, 0xffffff00};
    lab.play(lines);
}
void play_both(const Lines& lines) {
    play_linux(lines);
    play_strict(lines);
}

#define ESTABLISHED_CONNECTION                                                                   \
    "> S 0                | pass SYN_SENT 120 unreplied", "< SA 0 ack 1     | pass SYN_RECV 60", \
        "> . 1 ack 1      | pass ESTABLISHED 432000 assured"

// The sender goes beyond a small window, and the receiver takes it all the same. Were its
// acknowledgement invalid, the connection would stall for ever.
TEST(Packetdrill, ack_loss_stall) {
    play_both({"> S 0            | pass SYN_SENT 120", "< SA 0 ack 1 win 60 | pass SYN_RECV 60",
               "> . 1 ack 1      | pass ESTABLISHED 432000 assured",
               "> P. 1 ack 1 len 60 | pass ESTABLISHED 300",
               "> P. 61 ack 1 len 16 | pass ESTABLISHED 300", "wait 5 | ESTABLISHED 295",
               "> P. 77 ack 1 len 16 | keep ESTABLISHED 295",
               "< . 1 ack 93 win 60  | pass ESTABLISHED 432000",
               "> P. 93 ack 1 len 60 | pass ESTABLISHED 300",
               "< . 1 ack 153 win 60 | pass ESTABLISHED 432000"});
}

// An RST inside the window, but not at the next sequence number: the receiver asks back with a
// challenge ACK (RFC 5961 3.2), and the exact RST that answers it ends the connection.
TEST(Packetdrill, inexact_rst) {
    play_linux({ESTABLISHED_CONNECTION, "< . 1 ack 1 | pass ESTABLISHED 432000",
                "< R 5        | pass ESTABLISHED 10", "> . 1 ack 1 | pass ESTABLISHED 300",
                "< R 1        | pass CLOSE 10"});
    play_strict({ESTABLISHED_CONNECTION, "< . 1 ack 1 | pass ESTABLISHED 432000",
                 "wait 7 | ESTABLISHED 431993", "< R 5 | keep ESTABLISHED 431993",
                 "> . 1 ack 1 | pass ESTABLISHED 432000", "< R 1 | pass CLOSE 10"});
}

// An RST outside the window, on either side of it, is INVALID and ends nothing.
TEST(Packetdrill, rst_invalid) {
    play_both({ESTABLISHED_CONNECTION, "< P. 1 ack 1 len 10 | pass ESTABLISHED 300",
               "> . 1 ack 11  | pass ESTABLISHED 432000", "wait 7 | ESTABLISHED 431993",
               "< R 10        | invalid ESTABLISHED 431993",
               "< R 5000      | invalid ESTABLISHED 431993",
               "< R. 70000 ack 1 | invalid ESTABLISHED 431993",
               "> . 1 ack 11  | pass ESTABLISHED 432000"});
}

// The client begins anew while the server still has an older connection: the server's challenge ACK
// passes, the client's RST at that number clears the way, and the next SYN opens a connection.
TEST(Packetdrill, syn_challenge_ack) {
    play_both({"> S 0 | pass SYN_SENT 120 unreplied", "< . 7000 ack -500 | keep SYN_SENT 120",
               "> R -500 | pass CLOSE 10", "> S 5000 | reopen", "> S 5000 | pass SYN_SENT 120",
               "< SA 0 ack 5001 | pass SYN_RECV 60",
               "> . 5001 ack 1 | pass ESTABLISHED 432000 assured"});
}

// A SYN/ACK that answers an older SYN. To the client it is as wrong as to us: it resets it, and the
// SYN that is sent again gets its answer. In the kernel the old number may have become the
// server's, which a better SYN/ACK puts right.
TEST(Packetdrill, synack_old) {
    play_both({"> S 0 | pass SYN_SENT 120 unreplied", "< SA 0 ack -99999 | keep SYN_SENT 120",
               "> S 0 | pass SYN_SENT 120", "< SA 7000 ack 1 | pass SYN_RECV 60",
               "> . 1 ack 7001 | pass ESTABLISHED 432000 assured"});
}

// A SYN for a connection that is established here: it passes, the server challenges it, and the
// client's RST, exact now, ends the old connection. The SYN that is sent again opens a new one.
TEST(Packetdrill, synack_reuse) {
    play_both({ESTABLISHED_CONNECTION, "wait 7 | ESTABLISHED 431993",
               "> S 90000 | keep ESTABLISHED 431993", "< . 1 ack 1 | pass ESTABLISHED 432000",
               "> R 1 | pass CLOSE 10", "> S 90000 | reopen", "> S 90000 | pass SYN_SENT 120",
               "< SA 80000 ack 90001 | pass SYN_RECV 60",
               "> . 90001 ack 80001 | pass ESTABLISHED 432000 assured"});
}

// The same, but the server takes the SYN for the beginning that it is: its SYN/ACK says where both
// are now, and from there each is held to its window as before.
TEST(Resynchronised, by_an_answer_to_a_syn_that_passed_unjudged) {
    play_both({ESTABLISHED_CONNECTION, "> S 90000 | keep ESTABLISHED 432000",
               "< SA 80000 ack 90001 | pass SYN_RECV 60",
               "> . 90001 ack 80001 | pass ESTABLISHED 432000 assured",
               "< P. 900000 ack 90001 len 10 | invalid ESTABLISHED 432000",
               "> P. 900000 ack 80001 len 10 | invalid ESTABLISHED 432000",
               "< P. 80001 ack 90001 len 10 | pass ESTABLISHED 300"});
}

}  // namespace
}  // namespace ravelin
