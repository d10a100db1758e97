// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal_arguments.h"

#include "dpdk/buffers.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace ravelin {
namespace {

/// Items of `eal:` may hold an option with its value ("-m 512"); EAL wants them apart.
std::vector<std::string> operator_options(const Config& config) {
    std::vector<std::string> words;
    for (const std::string& item : config.eal) {
        std::istringstream stream{item};
        for (std::string word; stream >> word;)
            words.push_back(word);
    }
    return words;
}

/// "--main-lcore" matches itself and "--main-lcore=0"; "-m" matches itself and "-m512".
bool is_option(std::string_view word, std::string_view option) {
    if (!word.starts_with(option)) return false;
    if (option.starts_with("--")) return word.size() == option.size() || word[option.size()] == '=';
    return !word.starts_with("--");
}

template <class Options>
const std::string* find_any(const std::vector<std::string>& words, const Options& options) {
    for (const std::string& word : words) {
        for (const std::string_view option : options) {
            if (is_option(word, option)) return &word;
        }
    }
    return nullptr;
}

std::string cpu_set(const std::vector<uint16_t>& cpus) {
    std::string text;
    for (const uint16_t cpu : cpus)
        text += (text.empty() ? "" : ",") + std::to_string(cpu);
    return "(" + text + ")";
}

std::string lcores(const CoresConfig& cores) {
    std::string text = "0@" + cpu_set(cores.management);
    for (uint32_t worker = 0; worker < cores.workers.size(); ++worker) {
        text += "," + std::to_string(lcore_of_worker(worker)) + "@" +
                std::to_string(cores.workers[worker]);
    }
    return text;
}

void add_devices(const Config& config, const std::vector<std::string>& given,
                 std::vector<std::string>& arguments) {
    constexpr std::array<std::string_view, 5> kPciOptions{"-a", "--allow", "-b", "--block",
                                                          "--no-pci"};
    bool any_pci = find_any(given, kPciOptions) != nullptr;
    for (const PortConfig& port : config.ports) {
        if (!is_pci_device(port.device)) continue;
        arguments.insert(arguments.end(), {"-a", port.device});
        any_pci = true;
    }
    if (!any_pci) arguments.emplace_back("--no-pci");
}

void add_memory(const Config& config, const std::vector<std::string>& given,
                std::vector<std::string>& arguments) {
    if (runs_without_hugepages(config)) {
        // --in-memory and --no-huge exclude each other in DPDK 22.11.
        if (find_any(given, std::array<std::string_view, 1>{"--no-shconf"}) == nullptr)
            arguments.emplace_back("--no-shconf");
        if (find_any(given, std::array<std::string_view, 2>{"-m", "--socket-mem"}) == nullptr) {
            const uint64_t mebibytes = buffer_plan(config).bytes / (1024 * 1024) + 1;
            arguments.insert(arguments.end(), {"-m", std::to_string(mebibytes + 64)});
        }
        return;
    }
    constexpr std::array<std::string_view, 5> kMemoryModes{
        "--in-memory", "--huge-dir", "--legacy-mem", "--no-shconf", "--huge-unlink"};
    if (find_any(given, kMemoryModes) == nullptr) arguments.emplace_back("--in-memory");
}

}  // namespace

bool is_pci_device(const std::string& device) {
    const std::string name = device_name(device);
    return !name.empty() &&
           name.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos &&
           name.find(':') != std::string::npos && name.find('.') != std::string::npos;
}

std::string device_name(const std::string& device) {
    return device.substr(0, device.find(','));
}

bool runs_without_hugepages(const Config& config) {
    return find_any(operator_options(config), std::array<std::string_view, 1>{"--no-huge"}) !=
           nullptr;
}

Result<std::vector<std::string>> eal_arguments(const Config& config, uint32_t process_id) {
    const std::vector<std::string> given = operator_options(config);
    constexpr std::array<std::string_view, 5> kOwned{"-l", "-c", "--lcores", "--main-lcore", "-s"};
    if (const std::string* word = find_any(given, kOwned)) {
        return fail("eal: " + *word + " is set from `cores:`; remove it and name the CPUs there");
    }
    if (config.cores.management.empty() || config.cores.workers.empty())
        return fail("cores: at least one CPU for management and one for a worker is needed");

    std::vector<std::string> arguments{"ravelind", "--lcores", lcores(config.cores), "--main-lcore",
                                       "0"};
    add_devices(config, given, arguments);
    add_memory(config, given, arguments);
    if (find_any(given, std::array<std::string_view, 1>{"--file-prefix"}) == nullptr) {
        arguments.insert(arguments.end(),
                         {"--file-prefix", "ravelin-" + std::to_string(process_id)});
    }
    constexpr std::array<std::string_view, 2> kTelemetry{"--telemetry", "--no-telemetry"};
    if (find_any(given, kTelemetry) == nullptr) arguments.emplace_back("--no-telemetry");
    arguments.insert(arguments.end(), given.begin(), given.end());
    return arguments;
}

}  // namespace ravelin
