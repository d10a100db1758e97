// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/load.h"
#include "config/node.h"

#include <cstddef>
#include <string>
#include <vector>

namespace ravelin::config {

/// Collects everything that is wrong with a file, in whatever order it is found.
class Findings {
  public:
    /// More than this many help nobody; the rest is counted.
    static constexpr size_t kMost = 1000;

    void error(const Place& place, std::string message);
    void warning(const Place& place, std::string message);
    [[nodiscard]] bool has_errors() const noexcept { return errors_ > 0; }
    [[nodiscard]] size_t errors() const noexcept { return errors_; }

    /// All of them in the file's order; leaves this empty.
    std::vector<Finding> take();

  private:
    void add(Finding::Severity severity, const Place& place, std::string message);

    std::vector<Finding> list_;
    size_t errors_ = 0;
    size_t left_out_ = 0;
};

}  // namespace ravelin::config
