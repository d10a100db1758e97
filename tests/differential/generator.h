// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "campaign.h"
#include "coverage.h"
#include "frame.h"
#include "random.h"
#include "script.h"

#include <array>
#include <vector>

namespace ravelin::differential {

/// The grammar of sequences:
///
///   sequence := 1 or 2 conversations, 4 phases of 3 to 7 events in any order
///   event    := data or control of a conversation | ICMP error that quotes any earlier packet
///             | mutation of an earlier packet | fragments of a datagram or of such an error
///             | ICMP out of nowhere
///
/// A sequence depends on the seed, its number and the campaign alone; what came of its packets
/// plays no part, so that it can be replayed.
class Generator {
  public:
    explicit Generator(uint64_t seed) : seed_{seed} {}

    /// `index` chooses the sequence, `block` the addresses that it uses.
    void generate(uint64_t index, uint32_t block, const Campaign& campaign, Script& script);

  private:
    /// One end's view of a TCP connection, as an ordinary host would have it.
    struct Peer {
        uint32_t next = 0;  ///< sequence number that it sends next
        uint16_t window = 0;
        uint8_t scale = 0;
        bool offers_scale = false;
        bool offers_sack = false;
        bool syn = false;
        bool fin = false;
    };
    struct Talk {
        Envelope envelope{};  ///< from client to server
        std::array<uint16_t, 2> ports{};
        std::array<Peer, 2> peers{};
        uint8_t query_type = 0;
        uint8_t query_code = 0;
        uint32_t spi = 0;
        std::array<uint32_t, 2> tags{};  ///< SCTP: what each side must be sent
        uint8_t chunk = 0;               ///< SCTP: place in the ordinary order
    };

    void begin_talk(uint32_t block, const Campaign& campaign, Talk& talk);
    void add_event(Script& script, uint8_t phase);
    void add_talk(Script& script, uint8_t phase);
    void add_error(Script& script, uint8_t phase);
    void add_mutation(Script& script, uint8_t phase);
    void add_fragments(Script& script, uint8_t phase);
    /// What stands in frame_, cut into fragments of one datagram.
    void add_in_pieces(Script& script, Event event, QuotedProtocol protocol);
    void add_stray(Script& script, uint8_t phase);
    void add(Script& script, Event event, QuotedProtocol protocol);

    // generator_tcp.cc
    /// One segment; true if the server sends it.
    bool write_tcp(Talk& talk, Bytes& upper);
    /// What a host would send next, with the flags; now and then anything.
    uint8_t choose_segment(Talk& talk, bool& from_server, bool& as_expected);
    void write_tcp_options(const Peer& peer, const Peer& other, uint8_t flags, Bytes& upper);

    // generator_mutation.cc
    void mutate_quote(Bytes& quote, Family family);
    /// Each returns whether checksums may be made right again.
    bool mutate_ipv4(Place& at);
    bool mutate_ipv6(Place& at);
    void mutate_upper(const Place& at);
    void insert_options(Place& at);
    void insert_extensions(Place& at);

    /// Writes one packet of a conversation into frame_; true if the server sends it.
    bool write_talk(Talk& talk);
    /// The upper layer of everything but TCP.
    void write_simple(const Talk& talk, bool from_server);
    void write_query(const Talk& talk, bool from_server);
    void write_gre(const Talk& talk, bool from_server);
    // generator_sctp.cc
    /// One packet; true if the server sends it.
    bool write_sctp(Talk& talk);
    uint8_t choose_chunk(Talk& talk, bool& from_server);
    [[nodiscard]] static QuotedProtocol protocol_name(uint8_t protocol);
    [[nodiscard]] Envelope envelope_between(Family family, Host from, Host to) const;

    uint64_t seed_;
    Random random_{0};
    uint32_t block_ = 0;
    uint16_t vlan_ = 0;
    std::vector<Talk> talks_;
    std::vector<QuotedProtocol> protocols_;  ///< of the script's events
    uint16_t datagrams_ = 0;
    uint16_t id_ = 0;
    Bytes upper_;
    Bytes frame_;
    Bytes quote_;
};

}  // namespace ravelin::differential
