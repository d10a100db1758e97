// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "message.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ravelin::load {

enum class Protocols : uint8_t { Udp, Tcp, Both };
enum class Families : uint8_t { Ipv4, Ipv6, Both };

/// Both ends of every connection: what each says next, and what it answers.
///
/// Connections keep their number; one that is renewed gets a new tuple. Nothing is said again by
/// itself: whoever knows that a message is lost says so, and its exchange begins anew.
class ConnectionSet {
  public:
    /// `ipv4_data` and `ipv6_data`: bytes of data in a TCP segment.
    ConnectionSet(uint32_t count, Protocols protocols, Families families, uint32_t ipv4_data,
                  uint32_t ipv6_data);

    /// The client's next message; none while its connection is being opened or closed.
    std::optional<Message> next(uint32_t connection) noexcept;
    /// The first step towards another connection in place of an open one: UDP just begins with a
    /// new tuple, TCP closes and begins when that is done.
    std::optional<Message> renew(uint32_t connection) noexcept;
    /// The next step of the shortest life: opened, data once, renewed.
    std::optional<Message> hurry(uint32_t connection) noexcept;
    /// The FIN of an open TCP connection.
    std::optional<Message> close(uint32_t connection) noexcept;
    /// `message` reached the other end, which may answer.
    std::optional<Message> arrived(Side at, const Message& message) noexcept;
    void lost(const Message& message) noexcept;

    /// For a connection whose turn comes soon.
    void prefetch(uint32_t connection) const noexcept {
        __builtin_prefetch(&connections_[connection], 1);
    }
    [[nodiscard]] uint32_t size() const noexcept {
        return static_cast<uint32_t>(connections_.size());
    }
    /// Exchanges that opened a connection, since the beginning.
    [[nodiscard]] uint64_t opened() const noexcept { return opened_; }
    /// Connections that are open now.
    [[nodiscard]] uint32_t open() const noexcept { return open_; }
    [[nodiscard]] bool is_open(uint32_t connection) const noexcept {
        return connections_[connection].state == State::Open;
    }
    [[nodiscard]] Flow flow(uint32_t connection) const noexcept;

  private:
    enum class State : uint8_t { Closed, Opening, Open, Closing };
    struct Connection {
        uint32_t tuple = 0;
        uint32_t client_sequence = 0;  ///< the next byte that the client sends
        uint32_t client_ack = 0;       ///< the next byte that the client waits for
        uint32_t server_sequence = 0;
        State state = State::Closed;
        bool has_sent_data = false;
    };

    [[nodiscard]] uint32_t data_of(const Flow& flow) const noexcept {
        return flow.ipv6 ? ipv6_data_ : ipv4_data_;
    }
    [[nodiscard]] Message from_client(uint32_t connection, Kind kind) const noexcept;
    Message open_now(uint32_t connection) noexcept;
    Message data(uint32_t connection) noexcept;
    std::optional<Message> answer(const Message& message) noexcept;
    void replace(Connection& connection) noexcept;

    std::vector<Connection> connections_;
    Protocols protocols_;
    Families families_;
    uint32_t ipv4_data_;
    uint32_t ipv6_data_;
    uint64_t opened_ = 0;
    uint32_t open_ = 0;
};

}  // namespace ravelin::load
