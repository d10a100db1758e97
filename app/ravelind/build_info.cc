// SPDX-License-Identifier: BSD-3-Clause
#include "build_info.h"

#include "dpdk/eal.h"
#include "revision.h"

namespace ravelin {

BuildInfo build_info() {
#ifdef __clang__
    const std::string compiler = "clang++ " __clang_version__;
#else
    const std::string compiler = "g++ " __VERSION__;
#endif
    return {RAVELIN_VERSION, RAVELIN_REVISION, dpdk_version(), compiler};
}

std::string version_line() {
    const BuildInfo info = build_info();
    return "ravelin " + info.version + " (" + info.revision + "), " + info.dpdk + ", " +
           info.compiler;
}

}  // namespace ravelin
