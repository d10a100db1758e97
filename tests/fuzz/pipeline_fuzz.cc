// SPDX-License-Identifier: BSD-3-Clause
// Stateful sequences through the whole packet path: the input is a list of time steps and packets.
//
// Checked after every step: conservation, entries = timers = gauges, no deadline that has passed
// or is further away than the longest timeout, no buffer lost.
#include "machine.h"
#include "sequence_mutator.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace ravelin::fuzz {
namespace {

Machine& machine_for(uint8_t options) {
    static std::array<std::unique_ptr<Machine>, 8> machines;
    std::unique_ptr<Machine>& machine = machines[options % 8];
    if (!machine) {
        Runtime runtime;
        runtime.tracking =
            (options & 1) != 0 ? TrackingOptions::linux_profile() : TrackingOptions::strict();
        // Fuzzers rarely guess a checksum.
        runtime.tracking.parse.verify_checksums = false;
        runtime.tracking.quote.verify_ip_checksum = false;
        runtime.tracking.tcp_loose = (options & 2) != 0;
        runtime.policy.default_allow = {(options & 4) != 0, true};
        machine = std::make_unique<Machine>(std::move(runtime));
    }
    return *machine;
}

}  // namespace
}  // namespace ravelin::fuzz

/// Input: options, then packets of {port and step, length, bytes}.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    static constexpr std::array<Duration, 8> kSteps{0s, 10ms, 1s, 5s, 31s, 130s, 700s, 5 * 24h};
    if (size == 0) return 0;
    fuzz::Machine& machine = fuzz::machine_for(data[0]);
    machine.reset((data[0] & 8) != 0);
    for (const fuzz::Step& step : fuzz::read_steps({data + 1, size - 1}))
        machine.pass(step.control & 1, kSteps[step.control >> 1 & 7], step.frame);
    return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
    return ravelin::fuzz::mutate_sequence(data, size, max_size, seed);
}
