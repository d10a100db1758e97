// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/diagnosis.h"

#include "dpdk/eal_arguments.h"

#include <array>
#include <fstream>
#include <system_error>
#include <vector>

namespace ravelin {
namespace {

bool has(std::string_view text, std::string_view needle) {
    return text.find(needle) != std::string_view::npos;
}

/// What stands between `before` and `after`; empty when `before` isn't there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
    const size_t start = text.find(before);
    if (start == std::string_view::npos) return {};
    text.remove_prefix(start + before.size());
    return std::string{text.substr(0, text.find_first_of(after))};
}

/// Lines that follow every failure and say nothing about its cause.
bool is_noise(std::string_view line) {
    constexpr std::array<std::string_view, 9> kNoise{
        "EAL: Detected",     "EAL: Selected IOVA", "EAL: Multi-process socket",
        "Failed to attach",  "Driver cannot",      "Failed to register mp action",
        "EAL: VFIO support", "EAL: Physical addr", "EAL: Probe PCI driver"};
    for (const std::string_view noise : kNoise) {
        if (has(line, noise)) return true;
    }
    return line.empty();
}

/// The log's first line that tells something, without the function that wrote it.
std::string first_telling_line(std::string_view log) {
    while (!log.empty()) {
        const size_t end = log.find('\n');
        std::string_view line = log.substr(0, end);
        log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
        if (is_noise(line)) continue;
        for (const std::string_view prefix : {"(): ", "EAL: FATAL: ", "EAL: "}) {
            const size_t at = line.find(prefix);
            if (at != std::string_view::npos) line.remove_prefix(at + prefix.size());
        }
        while (!line.empty() && (line.back() == ' ' || line.back() == '.'))
            line.remove_suffix(1);
        return std::string{line};
    }
    return {};
}

std::string directory_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// One known cause: what the driver logs, and what we make of it.
struct Cause {
    std::string_view needle;
    std::string (*explain)(const PortConfig& port, std::string_view log);
};

std::string explain_interface(const PortConfig& port, std::string_view) {
    const std::string interface = device_argument(port.device, "iface");
    return "interface '" + interface +
           "' isn't in this network namespace: see `ip link`, or make " + "one with `ip link add " +
           (interface.empty() ? "NAME" : interface) + " type veth peer name PEER`";
}

std::string explain_raw_socket(const PortConfig&, std::string_view) {
    return "raw sockets are not permitted: start as root, or once "
           "`setcap cap_net_raw,cap_net_admin+ep $(command -v ravelind)`";
}

std::string explain_tap(const PortConfig&, std::string_view) {
    return "a tap interface can't be made: start as root or with CAP_NET_ADMIN, and see that "
           "/dev/net/tun is there (`modprobe tun`)";
}

std::string explain_socket_directory(const PortConfig& port, std::string_view) {
    const std::string directory = directory_of(device_argument(port.device, "socket"));
    return "the socket's directory is missing or not writable: `mkdir -p " + directory +
           "`, or `chown` it to this user";
}

std::string explain_same_memif(const PortConfig&, std::string_view) {
    return "another port is the same end of this socket and id: give each port its own `id=`";
}

std::string explain_memif_socket(const PortConfig& port, std::string_view log) {
    return "its socket can't be opened (" + first_telling_line(log) +
           "): see with `ss -xlp | grep " + device_argument(port.device, "socket") +
           "` who listens there; if nobody does, remove the file";
}

std::string explain_vhost_socket(const PortConfig& port, std::string_view log) {
    const std::string path = device_argument(port.device, "iface");
    return "its socket can't be opened (" + first_telling_line(log) +
           "): see with `ss -xlp | grep " + path + "` who listens there; if nobody does, `rm " +
           path + "`; its directory must be there";
}

std::string explain_vhost_peer(const PortConfig& port, std::string_view) {
    return "nobody answers at '" + device_argument(port.device, "path") +
           "': start the vhost-user side first";
}

std::string explain_pcap(const PortConfig&, std::string_view log) {
    return "capture " + between(log, "Couldn't open ", "\n");
}

std::string explain_vfio(const PortConfig& port, std::string_view) {
    return "VFIO refused it: bind the card and all of its IOMMU group with `dpdk-devbind.py "
           "--bind=vfio-pci " +
           device_name(port.device) + "`, and give this user /dev/vfio/GROUP and CAP_IPC_LOCK";
}

constexpr std::array<Cause, 13> kCauses{{
    {"SIOCGIFINDEX", explain_interface},
    {"Failed to get channel info of interface", explain_interface},
    {"Could not open AF_PACKET socket", explain_raw_socket},
    {"TUNSETIFF", explain_tap},
    {"/dev/net/tun", explain_tap},
    {"Invalid socket directory", explain_socket_directory},
    {"can not have the same role", explain_same_memif},
    {"Failed to setup socket", explain_memif_socket},
    {"failed to bind to", explain_vhost_socket},
    {"connect error", explain_vhost_peer},
    {"Couldn't open ", explain_pcap},
    {"VFIO group is not viable", explain_vfio},
    {"failed to open VFIO", explain_vfio},
}};

std::string explain_device(const PortConfig& port, std::string_view log, int error) {
    if (has(log, "failed to parse device")) {
        return "no such driver; virtual devices are net_af_packet, net_af_xdp, net_memif, "
               "net_null, "
               "net_pcap, net_ring, net_tap, net_vhost and net_virtio_user, each with a number "
               "after its name, and a PCI device looks like 0000:03:00.0";
    }
    for (const Cause& cause : kCauses) {
        if (has(log, cause.needle)) return cause.explain(port, log);
    }
    if (is_pci_device(port.device) && error == ENODEV) {
        return "no such PCI device, or no DPDK driver is bound to it: see `dpdk-devbind.py "
               "--status`, then `dpdk-devbind.py --bind=vfio-pci " +
               device_name(port.device) + "`";
    }
    const std::string line = first_telling_line(log);
    if (!line.empty()) return line + " (" + std::system_category().message(error) + ")";
    return std::string{"the driver refused it ("} + std::system_category().message(error) +
           "); is one of its arguments missing, misspelt or impossible?";
}

}  // namespace

std::string device_argument(const std::string& device, std::string_view key) {
    return between("," + device, "," + std::string{key} + "=", ",");
}

uint64_t hugepages_for(uint64_t bytes) {
    constexpr uint64_t kPage = 2 * 1024 * 1024;
    constexpr uint64_t kSpare = 64;  // rings, queues and the drivers' own needs
    uint64_t reserved = 0;
    std::ifstream{"/proc/sys/vm/nr_hugepages"} >> reserved;
    return reserved + bytes / kPage + kSpare;
}

std::string diagnose_eal(std::string_view log, int error, uint64_t hugepages) {
    const std::string start = "rte_eal_init: ";
    const std::string reserve = "`echo " + std::to_string(hugepages) +
                                " > /proc/sys/vm/nr_hugepages`, or run without by adding --no-huge "
                                "to `eal:`";
    if (has(log, "Cannot get hugepage information"))
        return start + "no free 2048 kB hugepages: reserve them with " + reserve;
    if (has(log, "Not enough memory available") || has(log, "Cannot init memory"))
        return start + "not enough free hugepages: reserve more with " + reserve;
    if (has(log, "is another primary process running")) {
        return start +
               "another DPDK program uses the same file prefix: give this one its own with "
               "--file-prefix=NAME in `eal:`";
    }
    const std::string option = between(log, "unrecognized option '", "'\n");
    if (!option.empty())
        return start + "`eal:` has an unknown option " + option + "; see `dpdk-testpmd --help`";
    const std::string missing = between(log, "option requires an argument", "\n");
    if (!missing.empty()) return start + "an option in `eal:` needs a value" + missing;
    if (has(log, "Cannot use IOVA as 'PA'")) {
        return start +
               "physical addresses can't be read: run as root, or add --iova-mode=va to "
               "`eal:`";
    }
    const std::string device = between(log, "failed to parse device \"", "\"");
    if (!device.empty()) return start + "`eal:` names the device " + device + ": no such driver";
    const std::string fatal = between(log, "EAL: FATAL: ", "\n");
    if (!fatal.empty() && fatal != "Invalid 'command line' arguments.") return start + fatal;
    const std::string line = first_telling_line(log);
    return start + (line.empty() ? std::system_category().message(error) : line);
}

std::string diagnose_device(const PortConfig& port, std::string_view call, std::string_view log,
                            int error) {
    return "device \"" + port.device + "\" of port " + port.name + ": " +
           explain_device(port, log, error) + " [" + std::string{call} + "]";
}

}  // namespace ravelin
