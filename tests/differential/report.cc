// SPDX-License-Identifier: BSD-3-Clause
#include "report.h"

#include <array>
#include <cstdio>

namespace ravelin::differential {

namespace {

template <class... Values>
void print(std::string& out, const char* format, Values... values) {
    std::array<char, 240> line{};
    std::snprintf(line.data(), line.size(), format, values...);
    out += line.data();
}

unsigned long long wide(uint64_t value) {
    return value;
}

}  // namespace

std::string to_text(const Tally& tally, double seconds) {
    std::string out;
    print(out, "%llu sequences, %llu packets in %.1f s: %.0f sequences/minute, %.0f packets/s\n",
          wide(tally.sequences), wide(tally.packets), seconds,
          static_cast<double>(tally.sequences) / seconds * 60,
          static_cast<double>(tally.packets) / seconds);
    for (size_t i = 0; i < tally.sequences_with.size(); ++i)
        print(out, "  with %zu worker%s %8llu sequences\n", i + 1,
              i == 0 ? ": " : "s:", wide(tally.sequences_with[i]));
    out += "\n";
    if (tally.repeated != 0)
        print(out,
              "%llu batches were begun again: the machine held them up, or fragments mixed\n\n",
              wide(tally.repeated));
    static constexpr std::array<const char*, 8> kClasses{
        "no mark", "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "", "dropped or held"};
    out += "The kernel's verdicts\n";
    for (size_t i = 0; i < kClasses.size(); ++i) {
        const uint64_t count = tally.coverage.classes[i];
        if (count != 0)
            print(out, "  %-16s %10llu  %5.1f %%\n", kClasses[i], wide(count),
                  100 * static_cast<double>(count) / static_cast<double>(tally.packets));
    }
    out += "\nDifferences that are meant\n";
    for (size_t i = 0; i < differences().size(); ++i)
        print(out, "  %-4s %10llu  %s\n", differences()[i].code.data(), wide(tally.differences[i]),
              differences()[i].reason.data());
    print(out, "  %-15llu  unexplained\n\n", wide(tally.unexplained));
    return out + tally.coverage.to_text();
}

}  // namespace ravelin::differential
