// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dpdk/eal.h"

#include <gtest/gtest.h>

namespace ravelin::testing {

/// A configuration that runs anywhere: no hugepages, no privilege, every thread on CPU 0.
inline Config config_without_hardware() {
    Config config;
    config.eal = {"--no-huge", "--no-pci", "--no-shconf", "-m 64"};
    config.cores.management = {0};
    config.cores.workers = {0};
    return config;
}

/// EAL can be started once per process only, so the tests share it.
inline Eal& test_eal() {
    static Result<Eal> eal = Eal::start(config_without_hardware(), {});
    if (!eal) {
        std::fprintf(stderr, "%s\n", eal.error().message.c_str());
        std::abort();
    }
    return *eal;
}

}  // namespace ravelin::testing
