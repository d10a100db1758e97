// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/registry.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace ravelin {

void Registry::add(MetricInfo info, Collect collect) {
    CHECK(find(info.name) == nullptr);
    CHECK(!info.help.empty());
    families_.push_back({std::move(info), std::move(collect)});
}

void Registry::add(MetricInfo info, std::function<double()> value) {
    CHECK(info.labels.empty());
    add(std::move(info), Collect{[value = std::move(value)] {
            std::vector<Sample> samples(1);
            samples.front().value = value();
            return samples;
        }});
}

const Registry::Family* Registry::find(std::string_view name) const noexcept {
    const auto found = std::find_if(families_.begin(), families_.end(),
                                    [&](const Family& family) { return family.info.name == name; });
    return found == families_.end() ? nullptr : &*found;
}

}  // namespace ravelin
