// SPDX-License-Identifier: BSD-3-Clause
#include "capture/output.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace ravelin {

std::string_view class_word(CtClass ct_class) noexcept {
    switch (ct_class) {
        case CtClass::None:
            return "NONE";
        case CtClass::New:
            return "NEW";
        case CtClass::Established:
            return "ESTABLISHED";
        case CtClass::Related:
            return "RELATED";
        case CtClass::Invalid:
            return "INVALID";
        case CtClass::Untracked:
            return "UNTRACKED";
        case CtClass::Stale:
            return "STALE";
    }
    return "NONE";
}

std::string_view verdict_word(Action action) noexcept {
    switch (action) {
        case Action::Forward:
            return "forward";
        case Action::Drop:
            return "drop";
        case Action::Reject:
            return "reject";
        case Action::Pending:
        case Action::HandOff:
        case Action::Fragment:
        case Action::Hold:
            break;
    }
    return "held";
}

std::string verdict_line(const ReplayedPacket& packet, std::string_view port) {
    std::array<char, 64> time{};
    std::snprintf(time.data(), time.size(), "%" PRId64 ".%06" PRId64,
                  packet.frame.nanoseconds / 1'000'000'000,
                  packet.frame.nanoseconds % 1'000'000'000 / 1000);
    std::string line = "{\"n\":" + std::to_string(packet.number);
    line.append(",\"ts\":\"").append(time.data());
    line.append("\",\"port\":\"").append(port);
    line.append("\",\"class\":\"").append(class_word(packet.ct_class));
    line.append("\",\"verdict\":\"").append(verdict_word(packet.action));
    line.append("\",\"reason\":\"");
    if (packet.action == Action::Drop || packet.action == Action::Reject)
        line.append(keyword(packet.reason));
    line.append("\",\"flow\":").append(std::to_string(packet.flow)).append("}\n");
    return line;
}

}  // namespace ravelin
