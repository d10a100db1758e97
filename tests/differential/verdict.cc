// SPDX-License-Identifier: BSD-3-Clause
#include "verdict.h"

#include "packet/headers.h"

#include <utility>

namespace ravelin::differential {

namespace {

uint8_t answer_type(uint8_t type) {
    switch (type) {
        case 8:
            return 0;
        case 0:
            return 8;
        case 13:
        case 15:
        case 17:
        case 128:
        case 139:
            return type + 1;
        default:
            return type - 1;
    }
}

}  // namespace

Tuple inverted(const Tuple& tuple) noexcept {
    Tuple reply = tuple;
    std::swap(reply.source, reply.destination);
    if (tuple.protocol == ip_protocol::kIcmp || tuple.protocol == ip_protocol::kIcmpv6) {
        const uint8_t type = answer_type(static_cast<uint8_t>(tuple.destination_port >> 8));
        reply.destination_port = static_cast<uint16_t>(type << 8 | (tuple.destination_port & 0xff));
    } else {
        std::swap(reply.source_port, reply.destination_port);
    }
    return reply;
}

}  // namespace ravelin::differential
