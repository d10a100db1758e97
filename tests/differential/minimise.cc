// SPDX-License-Identifier: BSD-3-Clause
#include "minimise.h"

#include <algorithm>
#include <vector>

namespace ravelin::differential {

namespace {

/// `replay` with some of its events. Steps between phases that have lost all of theirs stay.
Replay with_events(const Replay& replay, const std::vector<Event>& events) {
    Replay out{.script = {}, .steps = replay.steps, .campaign = replay.campaign};
    out.script.number = replay.script.number;
    out.script.workers = replay.script.workers;
    for (const Event& event : events)
        out.script.add(event, replay.script.frame(event));
    return out;
}

/// Without the step before phase `at` + 1: what followed it belongs to the phase before.
Replay without_step(const Replay& replay, size_t at) {
    Replay out = replay;
    for (size_t i = at; i + 1 < out.steps.size(); ++i)
        out.steps[i] = out.steps[i + 1];
    out.steps.back() = 0;
    for (Event& event : out.script.events)
        if (event.phase > at) --event.phase;
    return out;
}

Replay with_workers(const Replay& replay, uint8_t workers) {
    Replay out = replay;
    out.script.workers = workers;
    return out;
}

/// Takes the candidate if it still shows a difference.
bool take(Minimised& best, Replay candidate, const Trial& trial) {
    std::string what = trial(candidate);
    if (what.empty()) return false;
    best.replay = std::move(candidate);
    best.what = std::move(what);
    return true;
}

/// Halves, quarters and so on down to single events (Zeller's ddmin without the complements).
void drop_events(Minimised& best, const Trial& trial) {
    for (size_t chunk = std::max<size_t>(1, best.replay.script.events.size() / 2);;) {
        bool smaller = false;
        for (size_t end = best.replay.script.events.size(); end > 0;) {
            const size_t from = end > chunk ? end - chunk : 0;
            std::vector<Event> left = best.replay.script.events;
            left.erase(left.begin() + static_cast<ptrdiff_t>(from),
                       left.begin() + static_cast<ptrdiff_t>(end));
            smaller |= !left.empty() && take(best, with_events(best.replay, left), trial);
            end = from;
        }
        if (chunk > 1) {
            chunk /= 2;
        } else if (!smaller) {
            return;
        }
    }
}

}  // namespace

Minimised minimise(const Replay& found, const Trial& trial) {
    Minimised best{.replay = found, .what = {}, .reproduced = false};
    if (!take(best, found, trial) || !take(best, found, trial)) return best;
    best.reproduced = true;
    for (uint8_t workers = 1; workers < found.script.workers; ++workers)
        if (take(best, with_workers(found, workers), trial)) break;
    for (size_t at = best.replay.steps.size(); at > 0; --at)
        take(best, without_step(best.replay, at - 1), trial);
    drop_events(best, trial);
    for (size_t at = best.replay.steps.size(); at > 0; --at)
        take(best, without_step(best.replay, at - 1), trial);
    return best;
}

}  // namespace ravelin::differential
