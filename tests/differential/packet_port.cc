// SPDX-License-Identifier: BSD-3-Clause
#include "packet_port.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace ravelin::differential {

namespace {

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
}

template <class T>
void set_option(int socket, int option, const T& value, const char* what) {
    require(setsockopt(socket, SOL_PACKET, option, &value, sizeof value) == 0, what);
}

}  // namespace

PacketPort::PacketPort(const std::string& interface) {
    socket_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    require(socket_ >= 0, "AF_PACKET socket");
    set_option(socket_, PACKET_VERSION, int{TPACKET_V2}, "TPACKET_V2");
    set_option(socket_, PACKET_IGNORE_OUTGOING, int{1}, "PACKET_IGNORE_OUTGOING");
    // Behind a queueing discipline a frame might wait; here sendmmsg() returns when the bridge and
    // its hooks are done with it.
    set_option(socket_, PACKET_QDISC_BYPASS, int{1}, "PACKET_QDISC_BYPASS");
    constexpr uint32_t kBlock = 1U << 16;
    const tpacket_req request{.tp_block_size = kBlock,
                              .tp_block_nr = kFrames * kFrameBytes / kBlock,
                              .tp_frame_size = kFrameBytes,
                              .tp_frame_nr = kFrames};
    set_option(socket_, PACKET_RX_RING, request, "PACKET_RX_RING");
    const int send_buffer = 8 << 20;
    require(setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) == 0,
            "SO_SNDBUFFORCE");
    void* const memory = mmap(nullptr, size_t{kFrames} * kFrameBytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED, socket_, 0);
    require(memory != MAP_FAILED, "mmap of the ring");
    ring_ = static_cast<uint8_t*>(memory);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    require(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
            "bind");
}

PacketPort::~PacketPort() {
    munmap(ring_, size_t{kFrames} * kFrameBytes);
    close(socket_);
}

void PacketPort::queue(std::span<const uint8_t> frame) {
    vectors_.push_back({.iov_base = const_cast<uint8_t*>(frame.data()), .iov_len = frame.size()});
}

void PacketPort::flush() {
    messages_.assign(vectors_.size(), mmsghdr{});
    for (size_t i = 0; i < vectors_.size(); ++i) {
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
    }
    size_t sent = 0;
    while (sent < messages_.size()) {
        const int count =
            sendmmsg(socket_, &messages_[sent], static_cast<unsigned>(messages_.size() - sent), 0);
        require(count > 0, "sendmmsg");
        sent += static_cast<size_t>(count);
    }
    vectors_.clear();
}

std::span<const uint8_t> PacketPort::receive() {
    if (taken_ != nullptr) {
        __atomic_store_n(&reinterpret_cast<tpacket2_hdr*>(taken_)->tp_status, TP_STATUS_KERNEL,
                         __ATOMIC_RELEASE);
        taken_ = nullptr;
    }
    uint8_t* const slot = ring_ + size_t{next_} * kFrameBytes;
    auto* const header = reinterpret_cast<tpacket2_hdr*>(slot);
    const uint32_t status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE);
    if ((status & TP_STATUS_USER) == 0) return {};
    if ((status & TP_STATUS_LOSING) != 0) throw std::runtime_error{"the receive ring overran"};
    if (header->tp_snaplen != header->tp_len) throw std::runtime_error{"a frame was cut"};
    next_ = (next_ + 1) % kFrames;
    taken_ = slot;
    uint8_t* frame = slot + header->tp_mac;
    uint32_t length = header->tp_snaplen;
    if ((status & TP_STATUS_VLAN_VALID) != 0) {
        // The kernel keeps the tag beside the frame; there is room for it in front.
        constexpr size_t kBothAddresses = 12;
        std::memmove(frame - 4, frame, kBothAddresses);
        frame -= 4;
        length += 4;
        const uint16_t tag[2] = {htons(header->tp_vlan_tpid), htons(header->tp_vlan_tci)};
        std::memcpy(frame + kBothAddresses, tag, sizeof tag);
    }
    return {frame, length};
}

bool PacketPort::wait(Duration limit) {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    return poll(&ready, 1, static_cast<int>(limit / 1ms)) > 0;
}

}  // namespace ravelin::differential
