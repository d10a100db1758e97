// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/registry.h"

#include "metrics/reference.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

TEST(Registry, a_family_without_labels_has_one_series_with_the_value_of_now) {
    Registry registry;
    double value = 1;
    registry.add({"ravelin_ready", MetricType::Gauge, "Whether.", {}}, [&] { return value; });
    value = 7;
    const auto samples = registry.families().front().collect();
    ASSERT_EQ(samples.size(), 1U);
    EXPECT_EQ(samples.front().value, 7);
    EXPECT_TRUE(samples.front().label_values.empty());
}

TEST(Registry, a_family_is_found_by_its_name) {
    Registry registry;
    registry.add({"ravelin_a", MetricType::Gauge, "A.", {}}, [] { return 1.0; });
    registry.add({"ravelin_b", MetricType::Gauge, "B.", {}}, [] { return 2.0; });
    ASSERT_NE(registry.find("ravelin_b"), nullptr);
    EXPECT_EQ(registry.find("ravelin_b")->info.help, "B.");
    EXPECT_EQ(registry.find("ravelin_c"), nullptr);
}

TEST(RegistryDeathTest, a_name_is_taken_once) {
    Registry registry;
    registry.add({"ravelin_a", MetricType::Gauge, "A.", {}}, [] { return 1.0; });
    EXPECT_DEATH(registry.add({"ravelin_a", MetricType::Gauge, "A.", {}}, [] { return 1.0; }),
                 "CHECK");
}

TEST(RegistryDeathTest, a_family_without_help_is_a_bug) {
    Registry registry;
    EXPECT_DEATH(registry.add({"ravelin_a", MetricType::Gauge, "", {}}, [] { return 1.0; }),
                 "CHECK");
}

TEST(MetricsReference, lists_every_family_with_type_labels_and_help) {
    Registry registry;
    registry.add({"ravelin_x_total", MetricType::Counter, "Xs by kind.", {"kind", "port"}},
                 Registry::Collect{[] { return std::vector<Sample>{}; }});
    const std::string text = metrics_reference(registry);
    EXPECT_NE(text.find("| `ravelin_x_total` | counter | `kind`, `port` | Xs by kind. |\n"),
              std::string::npos)
        << text;
}

}  // namespace
}  // namespace ravelin
