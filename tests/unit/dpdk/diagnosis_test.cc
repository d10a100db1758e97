// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace ravelin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(DiagnoseEal, names_the_cause_and_the_command_that_mends_it) {
    struct Case {
        std::string log;
        std::string expected;
    };
    const std::vector<Case> cases = {
        {"EAL: Detected CPU lcores: 2\n"
         "EAL: No free 2048 kB hugepages reported on node 0\n"
         "EAL: FATAL: Cannot get hugepage information.\n",
         "rte_eal_init: no free 2048 kB hugepages: reserve them with `echo 90 > "
         "/proc/sys/vm/nr_hugepages`, or run without by adding --no-huge to `eal:`"},
        {"EAL: Not enough memory available on socket 0! Requested: 64MB, available: 2MB\n"
         "EAL: FATAL: Cannot init memory\n",
         "rte_eal_init: not enough free hugepages: reserve more with `echo 90 > "
         "/proc/sys/vm/nr_hugepages`, or run without by adding --no-huge to `eal:`"},
        {"EAL: Cannot create lock on '/var/run/dpdk/mine/config'. Is another primary process "
         "running?\nEAL: is another primary process running\n",
         "rte_eal_init: another DPDK program uses the same file prefix: give this one its own "
         "with --file-prefix=NAME in `eal:`"},
        {"EAL: Detected CPU lcores: 2\nravelind: unrecognized option '--frobnicate'\n"
         "EAL: FATAL: Invalid 'command line' arguments.\n",
         "rte_eal_init: `eal:` has an unknown option --frobnicate; see `dpdk-testpmd --help`"},
        {"EAL: Detected CPU lcores: 2\nEAL: FATAL: Cannot init trace\n",
         "rte_eal_init: Cannot init trace"},
        {"EAL: Detected CPU lcores: 2\n", "rte_eal_init: Permission denied"},
    };
    for (const Case& c : cases)
        EXPECT_EQ(diagnose_eal(c.log, EACCES, 90), c.expected);
}

TEST(DiagnoseDevice, names_the_port_the_device_and_the_call) {
    PortConfig port;
    port.name = "outside";
    port.device = "net_foo0";
    const std::string message = diagnose_device(
        port, "rte_dev_probe", "EAL: failed to parse device \"net_foo0\"\n", EFAULT);
    EXPECT_THAT(message, HasSubstr("device \"net_foo0\" of port outside: no such driver; "));
    EXPECT_THAT(message, HasSubstr("[rte_dev_probe]"));
}

TEST(DiagnoseDevice, explains_what_drivers_only_log) {
    struct Case {
        std::string device;
        std::string log;
        int error;
        std::string expected;
    };
    const std::vector<Case> cases = {
        {"net_af_packet0,iface=nope",
         "rte_pmd_init_internals(): net_af_packet0: ioctl failed (SIOCGIFINDEX):No such device\n"
         "EAL: Driver cannot attach the device (net_af_packet0)\n",
         EPERM, "interface 'nope' isn't in this network namespace"},
        {"net_af_packet0,iface=eth1", "open_packet_iface(): Could not open AF_PACKET socket\n",
         EPERM, "raw sockets are not permitted: start as root"},
        {"net_tap0", "tun_alloc(): Unable to set TUNSETIFF for dtap%d: Operation not permitted\n",
         EINVAL, "CAP_NET_ADMIN"},
        {"net_memif0,role=server,socket=/run/x/o.sock",
         "rte_pmd_memif_probe(): Failed to register mp action callback: Operation not supported\n"
         "memif_check_socket_filename(): Invalid socket directory.\n",
         EINVAL, "`mkdir -p /run/x`"},
        {"net_memif1,role=server",
         "memif_socket_init(): Two interfaces with the same id (0) can not have the same role.\n",
         EPERM, "give each port its own `id=`"},
        {"net_virtio_user0,path=/tmp/v.sock",
         "vhost_user_setup(): connect error, No such file or directory\n", EPERM,
         "nobody answers at '/tmp/v.sock': start the vhost-user side first"},
        {"net_pcap0,rx_pcap=/nope.pcap",
         "open_single_rx_pcap(): Couldn't open /nope.pcap: /nope.pcap: No such file or directory\n",
         EPERM, "capture /nope.pcap: /nope.pcap: No such file or directory"},
        {"0000:99:00.0", "", ENODEV, "`dpdk-devbind.py --bind=vfio-pci 0000:99:00.0`"},
        {"net_null5,frob=1",
         "EAL: Driver cannot attach the device (net_null5)\n"
         "EAL: Failed to attach device on primary process\n",
         EPERM, "is one of its arguments missing, misspelt or impossible?"},
        {"net_null5", "eth_null_do(): Some new message. \n", EINVAL,
         "Some new message (Invalid argument)"},
    };
    for (const Case& c : cases) {
        PortConfig port;
        port.name = "outside";
        port.device = c.device;
        const std::string message = diagnose_device(port, "call", c.log, c.error);
        EXPECT_THAT(message, HasSubstr(c.expected));
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    }
}

TEST(DeviceArgument, is_found_by_its_whole_name) {
    EXPECT_EQ(device_argument("net_memif0,role=server,id=1", "id"), "1");
    EXPECT_EQ(device_argument("net_memif0,role=server,id=1", "role"), "server");
    EXPECT_EQ(device_argument("net_tap0,xiface=a,iface=b", "iface"), "b");
    EXPECT_EQ(device_argument("net_memif0", "id"), "");
}

}  // namespace
}  // namespace ravelin
