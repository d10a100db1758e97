// SPDX-License-Identifier: BSD-3-Clause
#include "namespaces.h"

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <stdexcept>
#include <unistd.h>

namespace ravelin::differential {

namespace {

/// The mark that a packet leaves with: its class in the lower three bits of DSCP, the direction in
/// the fourth. Nobody else decides anything in this namespace. `ct direction` is asked only where
/// there is a connection: without one the rule would not match.
std::string rules_for(std::string_view family, std::string_view field) {
    static constexpr std::array<std::array<std::string_view, 2>, 7> kMarks{
        {{"established ct direction original", "3"},
         {"established", "11"},
         {"new", "2"},
         {"invalid", "1"},
         {"related ct direction original", "4"},
         {"related", "12"},
         {"untracked", "5"}}};
    std::string text{"table "};
    text.append(family).append(" oracle {\n chain judge {\n");
    text.append("  type filter hook forward priority 0; policy accept;\n");
    for (const auto& [state, mark] : kMarks) {
        text.append("  ct state ").append(state).append(" ").append(field);
        text.append(" dscp set ").append(mark).append(" accept\n");
    }
    return text.append(" }\n}\n");
}

int new_namespace() {
    if (unshare(CLONE_NEWNET) != 0)
        throw std::runtime_error{
            "can't make a network namespace: run as root, or under unshare "
            "-Urn"};
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

}  // namespace

void run(const std::string& command_line, std::string_view input) {
    FILE* const pipe = popen((command_line + " 2>&1 >/dev/null").c_str(), "w");
    if (pipe == nullptr) throw std::runtime_error{"can't run " + command_line};
    std::fwrite(input.data(), 1, input.size(), pipe);
    if (pclose(pipe) != 0) throw std::runtime_error{"failed: " + command_line};
}

Namespaces::Namespaces() {
    ends_ = new_namespace();
    bridge_ = new_namespace();
    const std::string ends = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(ends_);
    set("ipv6/conf/default/disable_ipv6", 1);
    run("ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0");
    for (const std::string side : {"a", "b"}) {
        run("ip link add v" + side + " type veth peer name e" + side + " netns " + ends);
        // Source addresses carry the frame's number: nothing is to be learned from them.
        run("ip link set v" + side + " master br0");
        run("ip link set v" + side + " type bridge_slave learning off");
        run("ip link set v" + side + " up");
    }
    run("ip link set br0 up");
    among_ends([] {
        set("ipv6/conf/all/disable_ipv6", 1);
        set("ipv6/conf/default/disable_ipv6", 1);
        for (const char* end : {"ea", "eb"})
            run(std::string{"ip link set "} + end + " arp off up");
    });
    run("nft -f -", rules_for("ip", "ip") + rules_for("ip6", "ip6"));
    set("bridge/bridge-nf-call-iptables", 1);
    set("bridge/bridge-nf-call-ip6tables", 1);
    set("netfilter/nf_conntrack_acct", 1);
    // Fragments whose rest never comes are held for real seconds; they must not crowd out others.
    for (const char* prefix : {"ipv4/ipfrag_", "netfilter/nf_conntrack_frag6_"})
        set(std::string{prefix} + "high_thresh", 64 << 20);
    // Longer than any phase takes whose findings count: a datagram has all its fragments in one.
    set("ipv4/ipfrag_time", 12);
    set("netfilter/nf_conntrack_frag6_timeout", 12);
}

Namespaces::~Namespaces() {
    close(ends_);
    close(bridge_);
}

void Namespaces::set(const std::string& name, int64_t value) {
    std::ofstream file{"/proc/sys/net/" + name};
    file << value << '\n' << std::flush;
    if (!file) throw std::runtime_error{"can't set net/" + name};
}

void Namespaces::enter(int descriptor) {
    if (setns(descriptor, CLONE_NEWNET) != 0)
        throw std::runtime_error{"can't enter a network namespace"};
}

}  // namespace ravelin::differential
