// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/drops_reference.h"

#include "packet/drop_reason.h"

namespace ravelin {

std::string drops_reference() {
    std::string out =
        "# Drop reasons\n\n"
        "Every packet that Ravelin drops has exactly one of these reasons. The keyword is the "
        "label\n"
        "`reason` of `ravelin_dropped_packets_total` and the word in `ravelinctl drops`, in "
        "replay\n"
        "verdicts and in logs; it never changes once released. `ravelinctl denied` tells of "
        "single\n"
        "packets whose headers were read: which way they came, what they belonged to, and why "
        "they\n"
        "were dropped; `ravelinctl events -o jsonl` tells it while it happens. Generated from the\n"
        "program and compared with it by a test: don't edit.\n\n"
        "| Keyword | What it means | What usually helps |\n|---|---|---|\n";
    for (size_t i = 1; i < kDropReasonCount; ++i) {
        const DropReasonInfo& reason = kDropReasons[i];
        out.append("| `").append(reason.keyword).append("` | ").append(reason.sentence);
        out.append(" | ").append(reason.fix).append(" |\n");
    }
    return out;
}

}  // namespace ravelin
