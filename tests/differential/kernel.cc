// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include "base/byteorder.h"
#include "script.h"
#include "support/bytes.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace ravelin::differential {

namespace {

constexpr uint16_t kFenceType = 0x88b5;  // IEEE 802, local experimental
/// Destination and the start of the source; the source's last four bytes are the frame's number.
constexpr std::array<uint8_t, 8> kAddresses{2, 1, 0, 0, 0, 0, 2, 0};
constexpr size_t kNumberOffset = kAddresses.size();

std::array<uint8_t, 60> fence_frame() {
    return {2, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, kFenceType >> 8, kFenceType & 0xff};
}

size_t l3_offset(std::span<const uint8_t> frame) {
    return load_be16(&frame[12]) == 0x8100 ? 18 : 14;
}

/// DSCP, and the field back as it was sent.
uint8_t take_mark(std::span<uint8_t> came, std::span<const uint8_t> sent, size_t l3) {
    const uint16_t type = load_be16(&came[l3 - 2]);
    if (type == 0x0800 && came.size() >= l3 + 20) {
        const uint8_t mark = came[l3 + 1] >> 2;
        came[l3 + 1] = sent[l3 + 1];
        std::memcpy(&came[l3 + 10], &sent[l3 + 10], 2);
        return mark;
    }
    if (type == 0x86dd && came.size() >= l3 + 40) {
        const uint8_t mark = static_cast<uint8_t>((load_be16(&came[l3]) >> 6) & 0x3f);
        came[l3] = sent[l3];
        came[l3 + 1] = sent[l3 + 1];
        return mark;
    }
    return 0;
}

bool is_ipv4_sum_good(std::span<const uint8_t> frame, size_t l3) {
    if (load_be16(&frame[l3 - 2]) != 0x0800) return true;
    const size_t length = (frame[l3] & 0xfU) * 4;
    return frame.size() < l3 + length || testing::internet_checksum(frame.subspan(l3, length)) == 0;
}

void read_mark(uint8_t mark, Verdict& verdict) {
    static constexpr std::array<CtClass, 6> kClasses{CtClass::None,    CtClass::Invalid,
                                                     CtClass::New,     CtClass::Established,
                                                     CtClass::Related, CtClass::Untracked};
    verdict.ct_class = (mark & 7) < kClasses.size() ? kClasses[mark & 7] : CtClass::None;
    verdict.direction = (mark & 8) != 0 ? Direction::Reply : Direction::Original;
}

}  // namespace

Kernel::Kernel() {
    namespaces_.among_ends([this] {
        for (const Side side : {Side::A, Side::B})
            ports_[static_cast<size_t>(side)] =
                std::make_unique<PacketPort>(Namespaces::interface(side));
    });
}

void Kernel::configure(const Campaign& campaign) {
    for (const auto& [name, value] : kernel_settings(campaign))
        Namespaces::set(name, value);
}

void Kernel::begin(size_t passages) noexcept {
    first_number_ = next_number_;
    next_number_ += static_cast<uint32_t>(passages);
    mixed_ = false;
}

void Kernel::exchange(std::span<Passage> passages, std::span<const uint32_t> chosen) {
    const Side side = passages[chosen.front()].side;
    for (const uint32_t index : chosen) {
        const std::span<uint8_t> frame = passages[index].bytes;
        std::copy(kAddresses.begin(), kAddresses.end(), frame.begin());
        store_be32(&frame[kNumberOffset], first_number_ + index);
        port(side).queue(frame);
    }
    const auto fence = fence_frame();
    port(side).queue(fence);
    port(side).flush();
    for (;;) {
        const std::span<const uint8_t> frame = port(other(side)).receive();
        if (frame.empty()) {
            if (!port(other(side)).wait(10s)) throw std::runtime_error{"the fence was lost"};
            continue;
        }
        if (frame.size() == fence.size() && load_be16(&frame[12]) == kFenceType) return;
        take(passages, frame);
    }
}

void Kernel::take(std::span<Passage> passages, std::span<const uint8_t> frame) {
    if (frame.size() < 14) throw std::runtime_error{"a frame without a header came out"};
    const uint32_t number = load_be32(&frame[kNumberOffset]);
    const uint32_t index = number - first_number_;
    if (!std::equal(kAddresses.begin(), kAddresses.end(), frame.begin()))
        throw std::runtime_error{"a frame that was never sent came out: " + describe(frame)};
    if (index >= passages.size()) {
        mixed_ = true;
        return;
    }
    Passage& passage = passages[index];
    Verdict& verdict = passage.kernel;
    std::span<const uint8_t> sent = passage.bytes;
    const size_t l3 = l3_offset(frame);
    std::array<uint8_t, 2048> copy;
    std::copy(frame.begin(), frame.end(), copy.begin());
    const std::span<uint8_t> came{copy.data(), frame.size()};
    const bool sum_good = is_ipv4_sum_good(came, l3);
    if (came.size() < l3 || sent.size() < l3 + 2)
        throw std::runtime_error{"a frame was cut in its header"};
    if (!passage.is_fragment && verdict.came_out)
        throw std::runtime_error{"a frame came out twice"};
    verdict.came_out = true;
    read_mark(take_mark(came, sent, l3), verdict);
    if (passage.is_fragment) return;
    const size_t common = std::min(came.size(), sent.size());
    verdict.trimmed = came.size() < sent.size();
    verdict.altered = !sum_good || came.size() > sent.size() ||
                      std::memcmp(came.data(), sent.data(), common) != 0;
}

}  // namespace ravelin::differential
