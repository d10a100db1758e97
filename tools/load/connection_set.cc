// SPDX-License-Identifier: BSD-3-Clause
#include "connection_set.h"

namespace ravelin::load {
namespace {

/// Spread, as RFC 6528 wants, but known: a rerun sends the same bytes.
constexpr uint32_t initial_sequence(uint32_t tuple) noexcept {
    return tuple * 2'654'435'761U + 1;
}

}  // namespace

ConnectionSet::ConnectionSet(uint32_t count, Protocols protocols, Families families,
                             uint32_t ipv4_data, uint32_t ipv6_data)
    : connections_(count),
      protocols_{protocols},
      families_{families},
      ipv4_data_{ipv4_data},
      ipv6_data_{ipv6_data} {
    for (uint32_t i = 0; i < count; ++i)
        connections_[i].tuple = i;
}

Flow ConnectionSet::flow(uint32_t connection) const noexcept {
    // Two bits, so that a mix of both has all four combinations.
    const bool tcp =
        protocols_ == Protocols::Both ? (connection & 1) != 0 : protocols_ == Protocols::Tcp;
    const bool ipv6 =
        families_ == Families::Both ? (connection & 2) != 0 : families_ == Families::Ipv6;
    return {.tuple = connections_[connection].tuple, .ipv6 = ipv6, .tcp = tcp};
}

Message ConnectionSet::from_client(uint32_t connection, Kind kind) const noexcept {
    const Connection& state = connections_[connection];
    return {.connection = connection,
            .flow = flow(connection),
            .sequence = state.client_sequence,
            .ack = state.client_ack,
            .kind = kind};
}

Message ConnectionSet::open_now(uint32_t connection) noexcept {
    Connection& state = connections_[connection];
    state.state = State::Opening;
    state.has_sent_data = false;
    state.client_sequence = initial_sequence(state.tuple);
    state.client_ack = 0;
    state.server_sequence = initial_sequence(~state.tuple);
    const bool tcp = flow(connection).tcp;
    Message message = from_client(connection, tcp ? Kind::TcpSyn : Kind::UdpData);
    message.opens = true;
    if (tcp) ++state.client_sequence;
    return message;
}

Message ConnectionSet::data(uint32_t connection) noexcept {
    Connection& state = connections_[connection];
    const Flow flow = this->flow(connection);
    const Message message = from_client(connection, flow.tcp ? Kind::TcpData : Kind::UdpData);
    if (flow.tcp) state.client_sequence += data_of(flow);
    state.has_sent_data = true;
    return message;
}

std::optional<Message> ConnectionSet::next(uint32_t connection) noexcept {
    switch (connections_[connection].state) {
        case State::Closed:
            return open_now(connection);
        case State::Open:
            return data(connection);
        case State::Opening:
        case State::Closing:
            break;
    }
    return {};
}

std::optional<Message> ConnectionSet::renew(uint32_t connection) noexcept {
    Connection& state = connections_[connection];
    if (state.state != State::Open) return next(connection);
    if (flow(connection).tcp) return close(connection);
    replace(state);
    return open_now(connection);
}

std::optional<Message> ConnectionSet::hurry(uint32_t connection) noexcept {
    if (flow(connection).tcp && !connections_[connection].has_sent_data) return next(connection);
    return renew(connection);
}

std::optional<Message> ConnectionSet::close(uint32_t connection) noexcept {
    Connection& state = connections_[connection];
    if (state.state != State::Open || !flow(connection).tcp) return {};
    --open_;
    state.state = State::Closing;
    const Message message = from_client(connection, Kind::TcpFin);
    ++state.client_sequence;
    return message;
}

void ConnectionSet::replace(Connection& connection) noexcept {
    if (connection.state == State::Open) --open_;
    connection.state = State::Closed;
    connection.tuple += size();
}

std::optional<Message> ConnectionSet::answer(const Message& message) noexcept {
    Message reply = message;
    if (message.kind == Kind::FirstFragment || message.kind == Kind::TcpAck) return {};
    if (message.kind == Kind::LastFragment) reply.kind = Kind::UdpData;
    if (!message.flow.tcp) return reply;
    Connection& state = connections_[message.connection];
    reply.sequence = state.server_sequence;
    if (message.kind == Kind::TcpData) {
        reply.ack = message.sequence + data_of(message.flow);
        state.server_sequence += data_of(message.flow);
        return reply;
    }
    reply.kind = message.kind == Kind::TcpSyn ? Kind::TcpSynAck : Kind::TcpFinAck;
    reply.ack = message.sequence + 1;
    ++state.server_sequence;
    return reply;
}

std::optional<Message> ConnectionSet::arrived(Side at, const Message& message) noexcept {
    if (at == Side::Inside) return answer(message);
    if (!message.flow.tcp && !message.opens) return {};
    Connection& state = connections_[message.connection];
    if (message.opens && state.state == State::Opening) {
        state.state = State::Open;
        ++opened_;
        ++open_;
    }
    if (message.kind == Kind::TcpData) state.client_ack = message.sequence + data_of(message.flow);
    if (message.kind != Kind::TcpSynAck && message.kind != Kind::TcpFinAck) return {};
    state.client_ack = message.sequence + 1;
    const Message ack = from_client(message.connection, Kind::TcpAck);
    if (message.kind == Kind::TcpFinAck) replace(state);
    return ack;
}

void ConnectionSet::lost(const Message& message) noexcept {
    Connection& state = connections_[message.connection];
    if (state.tuple != message.flow.tuple) return;
    if (message.opens && state.state == State::Opening) state.state = State::Closed;
    if (message.kind == Kind::TcpFin || message.kind == Kind::TcpFinAck) replace(state);
}

}  // namespace ravelin::load
