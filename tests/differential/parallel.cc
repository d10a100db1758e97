// SPDX-License-Identifier: BSD-3-Clause
#include "parallel.h"

#include <csignal>
#include <cstdio>
#include <new>
#include <sched.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ravelin::differential {

namespace {

/// One Tally per process in memory that they share with their parent.
class SharedTallies {
  public:
    explicit SharedTallies(uint32_t count) : count_{count} {
        memory_ = mmap(nullptr, sizeof(Tally) * count, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED) throw std::runtime_error{"no shared memory"};
        for (uint32_t i = 0; i < count; ++i)
            new (static_cast<Tally*>(memory_) + i) Tally{};
    }
    ~SharedTallies() { munmap(memory_, sizeof(Tally) * count_); }
    SharedTallies(const SharedTallies&) = delete;
    SharedTallies& operator=(const SharedTallies&) = delete;

    Tally& operator[](uint32_t index) { return static_cast<Tally*>(memory_)[index]; }

  private:
    uint32_t count_;
    void* memory_;
};

/// Never returns: what a process of its own does.
[[noreturn]] void be_child(uint32_t index, uint32_t processes, const Work& work, Tally& tally) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = 0;
    try {
        bind_to_cpu(index);
        work(index, processes, tally);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "differential: %s\n", error.what());
        code = 1;
    }
    std::fflush(stdout);
    _exit(code);
}

}  // namespace

uint32_t cpu_count() {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    return static_cast<uint32_t>(CPU_COUNT(&set));
}

void bind_to_cpu(uint32_t nth) {
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof all, &all);
    nth %= static_cast<uint32_t>(CPU_COUNT(&all));
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &all) || nth-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            throw std::runtime_error{"can't bind to a CPU"};
        return;
    }
}

Tally run_parallel(uint32_t processes, const Work& work) {
    SharedTallies tallies{processes};
    std::fflush(stdout);
    std::vector<pid_t> children;
    for (uint32_t i = 0; i < processes; ++i) {
        const pid_t child = fork();
        if (child < 0) throw std::runtime_error{"can't fork"};
        if (child == 0) be_child(i, processes, work, tallies[i]);
        children.push_back(child);
    }
    bool failed = false;
    Tally sum;
    for (uint32_t i = 0; i < processes; ++i) {
        int status = 0;
        waitpid(children[i], &status, 0);
        failed |= status != 0;
        sum.add(tallies[i]);
    }
    if (failed) throw std::runtime_error{"a process did not end as it should"};
    return sum;
}

}  // namespace ravelin::differential
