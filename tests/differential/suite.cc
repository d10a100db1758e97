// SPDX-License-Identifier: BSD-3-Clause
#include "suite.h"

#include "difference_tests.h"
#include "parallel.h"

namespace ravelin::differential {

namespace {

/// One process's part.
struct Share {
    uint32_t index;
    uint32_t processes;
};

void compare(const Suite& suite, const Share& share, Session& session, Tally& tally) {
    const uint64_t batches = (suite.task.sequences + suite.task.batch - 1) / suite.task.batch;
    for (size_t i = 0; i < suite.seeds.size(); ++i) {
        Task task = suite.task;
        task.seed = suite.seeds[i];
        task.stride = share.processes;
        // Whoever has one batch less of the seed before has one more of this.
        const uint64_t ahead = i * batches % share.processes;
        task.first = (share.index + share.processes - ahead) % share.processes;
        const uint64_t before = tally.unexplained;
        session.run(task);
        tally.unexplained_of[i] += tally.unexplained - before;
    }
}

}  // namespace

Tally run_suite(const Suite& suite) {
    const auto work = [&suite](uint32_t index, uint32_t processes, Tally& tally) {
        const Share share{index, processes};
        Session session{tally};
        // The tests wait nearly all the time, and half of the processes work meanwhile.
        const bool tests_first = index % 2 == 0;
        if (tests_first) test_differences(session, index, processes, tally);
        compare(suite, share, session, tally);
        if (!tests_first) test_differences(session, index, processes, tally);
    };
    return run_parallel(suite.processes, work);
}

}  // namespace ravelin::differential
