// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/conntrack_format.h"
#include "mgmt/flow_filter.h"
#include "mgmt/flow_format.h"
#include "mgmt/tbb_pool.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

enum class FlowOutput : uint8_t { Table, Conntrack, Json };

/// One listing of connections: taken from a dump, filtered and sorted once, then written piece by
/// piece, so that the reader's pace and not the table's size decides how much text is held.
class FlowListing {
  public:
    struct Options {
        FlowFilter filter;
        FlowOutput output = FlowOutput::Json;
        ConntrackLineOptions conntrack;
    };

    FlowListing(std::vector<FlowRecord> flows, Options options, FlowNames names, TbbPool& pool);

    /// Appends the next piece as lines of the control protocol: `{"text":"..."}` with many lines
    /// for a table or conntrack's form, one object per flow for JSON. False when all is written.
    bool next(std::string& out);

    /// Connections in the dump, and how many of them are listed.
    [[nodiscard]] size_t total() const noexcept { return total_; }
    [[nodiscard]] size_t shown() const noexcept { return flows_.size(); }

  private:
    void select();  // inside the pool
    [[nodiscard]] std::string format(size_t first, size_t last) const;

    Options options_;
    FlowNames names_;
    TbbPool& pool_;
    std::vector<FlowRecord> flows_;
    size_t total_;
    size_t position_ = 0;
    std::optional<FlowTableFormat> table_;
};

}  // namespace ravelin
