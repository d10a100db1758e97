// SPDX-License-Identifier: BSD-3-Clause

// main() for a fuzz target in an ordinary test run: feeds it every file of the folders that are
// given, each of them cut at every length. The target aborts when a promise is broken.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void replay(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>{file}, {}};
    for (size_t size = 0; size <= bytes.size(); ++size) {
        LLVMFuzzerTestOneInput(bytes.data(), size);
    }
}

}  // namespace

int main(int argc, char** argv) {
    size_t files = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator{argv[i]}) {
            if (!entry.is_regular_file()) continue;
            replay(entry.path());
            ++files;
        }
    }
    std::printf("%zu files replayed at every length\n", files);
    return files == 0 ? 1 : 0;  // an empty corpus is a wrong path
}
