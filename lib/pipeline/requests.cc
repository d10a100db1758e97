// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/requests.h"

#include "pipeline/observe.h"

namespace ravelin {

void RequestServer::serve(SpscRing<Request*>& requests, Shard& shard, bool busy,
                          Instant now) noexcept {
    Conntrack& conntrack = shard.conntrack;
    const uint32_t slice = busy ? kSlice : kIdleSlice;
    if (current_ == nullptr && requests.pop(&current_, 1) == 0) return;
    Request& request = *current_;
    bool finished = true;
    switch (request.kind) {
        case Request::Kind::Dump:
            request.at_end =
                conntrack.dump(request.cursor, slice, request.out, request.written, now);
            finished = request.at_end || request.written == request.out.size();
            break;
        case Request::Kind::Stale:
            request.at_end =
                conntrack.reports().dump(request.cursor, slice, request.stale, request.written);
            finished = request.at_end || request.written == request.stale.size();
            break;
        case Request::Kind::Denials:
            request.at_end =
                shard.denials.dump(request.cursor, slice, request.denials, request.written);
            finished = request.at_end || request.written == request.denials.size();
            break;
        case Request::Kind::Tunnels:
            take_over_passed(request.cursor, slice, shard, now);
            request.at_end =
                shard.tunnels.dump(request.cursor, slice, request.tunnels, request.written, now);
            finished = request.at_end || request.written == request.tunnels.size();
            break;
        case Request::Kind::Ntp:
            request.at_end = shard.ntp.dump(request.cursor, slice, request.ntp, request.written);
            finished = request.at_end || request.written == request.ntp.size();
            break;
        case Request::Kind::Flush:
            request.at_end = conntrack.flush(request.cursor, slice, now);
            shard.tunnels.note_flush(now);
            finished = request.at_end;
            break;
        case Request::Kind::Ping:
            break;
    }
    if (!finished) return;
    current_ = nullptr;
    request.done.store(true, std::memory_order_release);
}

}  // namespace ravelin
