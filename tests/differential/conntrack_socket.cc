// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack_socket.h"

#include "packet/headers.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdexcept>

namespace ravelin::differential {

namespace {

constexpr uint32_t kBatchBytes = 1U << 16;

using Attributes = std::array<const nlattr*, CTA_MAX + 1>;

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error{std::string{"ctnetlink, "} + what + ": " + std::strerror(errno)};
}

int keep_attribute(const nlattr* attribute, void* into) {
    auto& found = *static_cast<Attributes*>(into);
    const uint16_t type = mnl_attr_get_type(attribute);
    if (type < found.size()) found[type] = attribute;
    return MNL_CB_OK;
}

Attributes read_nested(const nlattr* nest) {
    Attributes found{};
    mnl_attr_parse_nested(nest, keep_attribute, &found);
    return found;
}

void copy_address(const nlattr* attribute, std::array<uint8_t, 16>& out) {
    if (attribute != nullptr)
        std::memcpy(out.data(), mnl_attr_get_payload(attribute),
                    std::min<size_t>(mnl_attr_get_payload_len(attribute), out.size()));
}

uint16_t read_port(const nlattr* attribute) {
    return attribute == nullptr ? 0 : ntohs(mnl_attr_get_u16(attribute));
}

Tuple read_tuple(const nlattr* nest) {
    Tuple tuple;
    const Attributes parts = read_nested(nest);
    const Attributes ip = read_nested(parts[CTA_TUPLE_IP]);
    const Attributes proto = read_nested(parts[CTA_TUPLE_PROTO]);
    const bool v6 = ip[CTA_IP_V6_SRC] != nullptr;
    tuple.family = v6 ? Family::Ipv6 : Family::Ipv4;
    copy_address(ip[v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC], tuple.source);
    copy_address(ip[v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST], tuple.destination);
    tuple.protocol = mnl_attr_get_u8(proto[CTA_PROTO_NUM]);
    tuple.source_port = read_port(proto[CTA_PROTO_SRC_PORT]);
    tuple.destination_port = read_port(proto[CTA_PROTO_DST_PORT]);
    const int id = v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID;
    if (proto[static_cast<size_t>(id)] != nullptr) {
        tuple.source_port = read_port(proto[static_cast<size_t>(id)]);
        const uint8_t type =
            mnl_attr_get_u8(proto[v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE]);
        const uint8_t code =
            mnl_attr_get_u8(proto[v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE]);
        tuple.destination_port = static_cast<uint16_t>(type << 8 | code);
    }
    return tuple;
}

void read_counters(const nlattr* nest, uint64_t& packets, uint64_t& bytes) {
    if (nest == nullptr) return;
    const Attributes parts = read_nested(nest);
    packets = be64toh(mnl_attr_get_u64(parts[CTA_COUNTERS_PACKETS]));
    bytes = be64toh(mnl_attr_get_u64(parts[CTA_COUNTERS_BYTES]));
}

uint8_t read_state(const nlattr* nest) {
    const Attributes info = read_nested(nest);
    if (info[CTA_PROTOINFO_TCP] != nullptr)
        return mnl_attr_get_u8(read_nested(info[CTA_PROTOINFO_TCP])[CTA_PROTOINFO_TCP_STATE]);
    if (info[CTA_PROTOINFO_SCTP] != nullptr)
        return mnl_attr_get_u8(read_nested(info[CTA_PROTOINFO_SCTP])[CTA_PROTOINFO_SCTP_STATE]);
    return 0;
}

Entry read_entry(const nlmsghdr* message) {
    Attributes parts{};
    mnl_attr_parse(message, sizeof(nfgenmsg), keep_attribute, &parts);
    Entry entry;
    entry.original = read_tuple(parts[CTA_TUPLE_ORIG]);
    entry.reply = read_tuple(parts[CTA_TUPLE_REPLY]);
    const uint32_t status = ntohl(mnl_attr_get_u32(parts[CTA_STATUS]));
    entry.seen_reply = (status & IPS_SEEN_REPLY) != 0;
    entry.assured = (status & IPS_ASSURED) != 0;
    if (parts[CTA_TIMEOUT] != nullptr)
        entry.remaining = std::chrono::seconds{ntohl(mnl_attr_get_u32(parts[CTA_TIMEOUT]))};
    if (parts[CTA_PROTOINFO] != nullptr) entry.state = read_state(parts[CTA_PROTOINFO]);
    read_counters(parts[CTA_COUNTERS_ORIG], entry.packets[0], entry.bytes[0]);
    read_counters(parts[CTA_COUNTERS_REPLY], entry.packets[1], entry.bytes[1]);
    return entry;
}

void write_tuple(nlmsghdr* message, const Tuple& tuple) {
    const bool v6 = tuple.family == Family::Ipv6;
    const size_t length = v6 ? 16 : 4;
    nlattr* const whole = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
    nlattr* const ip = mnl_attr_nest_start(message, CTA_TUPLE_IP);
    mnl_attr_put(message, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, length, tuple.source.data());
    mnl_attr_put(message, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, length, tuple.destination.data());
    mnl_attr_nest_end(message, ip);
    nlattr* const proto = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(message, CTA_PROTO_NUM, tuple.protocol);
    const uint16_t high = tuple.destination_port;
    if (tuple.protocol == ip_protocol::kIcmp || tuple.protocol == ip_protocol::kIcmpv6) {
        mnl_attr_put_u8(message, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE,
                        static_cast<uint8_t>(high >> 8));
        mnl_attr_put_u8(message, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE,
                        static_cast<uint8_t>(high));
        mnl_attr_put_u16(message, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID,
                         htons(tuple.source_port));
    } else {
        mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(tuple.source_port));
        mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(high));
    }
    mnl_attr_nest_end(message, proto);
    mnl_attr_nest_end(message, whole);
}

uint8_t family_number(Family family) {
    return family == Family::Ipv6 ? AF_INET6 : AF_INET;
}

}  // namespace

ConntrackSocket::ConntrackSocket()
    : socket_{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)},
      batch_(kBatchBytes + 1024),
      buffer_(1U << 17) {
    if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) fail("socket");
    const int receive_buffer = 8 << 20;
    if (setsockopt(mnl_socket_get_fd(socket_), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                   sizeof receive_buffer) != 0) {
        fail("SO_RCVBUFFORCE");
    }
}

ConntrackSocket::~ConntrackSocket() {
    mnl_socket_close(socket_);
}

nlmsghdr* ConntrackSocket::begin(uint16_t type, uint16_t flags, uint8_t family) {
    nlmsghdr* const message = mnl_nlmsg_put_header(batch_.data() + used_);
    message->nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    auto* const header =
        static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    return message;
}

void ConntrackSocket::finish(nlmsghdr* message) {
    used_ += message->nlmsg_len;
    ++waiting_;
    if (used_ > kBatchBytes) send_batch();
}

void ConntrackSocket::send_batch() {
    if (waiting_ == 0) return;
    if (mnl_socket_sendto(socket_, batch_.data(), used_) < 0) fail("send");
    while (waiting_ > 0) {
        const ssize_t got = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
        if (got <= 0) fail("acknowledgement");
        int left = static_cast<int>(got);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_type != NLMSG_ERROR) continue;
            const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
            --waiting_;
            if (error->error == -ENOENT) {
                ++missing_;
            } else if (error->error != 0) {
                errno = -error->error;
                fail("change");
            }
        }
    }
    used_ = 0;
}

void ConntrackSocket::dump(std::vector<Entry>& entries) {
    entries.clear();
    nlmsghdr* const request = begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) fail("dump");
    for (;;) {
        const ssize_t got = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
        if (got <= 0) fail("dump");
        int left = static_cast<int>(got);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_type == NLMSG_DONE) return;
            if (message->nlmsg_type == NLMSG_ERROR) fail("dump");
            entries.push_back(read_entry(message));
        }
    }
}

void ConntrackSocket::flush() {
    finish(begin(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, AF_UNSPEC));
    send_batch();
}

void ConntrackSocket::set_remaining(const Tuple& original, uint32_t seconds) {
    nlmsghdr* const message = begin(IPCTNL_MSG_CT_NEW, NLM_F_ACK, family_number(original.family));
    write_tuple(message, original);
    mnl_attr_put_u32(message, CTA_TIMEOUT, htonl(seconds));
    finish(message);
}

void ConntrackSocket::remove(const Tuple& original) {
    nlmsghdr* const message =
        begin(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family_number(original.family));
    write_tuple(message, original);
    finish(message);
}

uint32_t ConntrackSocket::apply() {
    send_batch();
    return std::exchange(missing_, 0);
}

}  // namespace ravelin::differential
