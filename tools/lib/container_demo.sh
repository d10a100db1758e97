#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The demo inside the container: no privilege, no card, no hugepages, no network. Captures stand in
# for the cables: ravelind's two live ports read one each and write what they send to another.
set -euo pipefail
demo=/usr/share/ravelin/demo
folder=$(mktemp -d)
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
    rm -rf "$folder"
}
trap finish EXIT

say() { printf '%s\n' "$*"; }
fail() { say "NOT OK: $*"; exit 1; }
ctl() { ravelinctl --socket "$folder/ravelin.sock" "$@" 2>/dev/null; }
shown() { printf '\n  $ ravelinctl %s\n' "$*"; ctl "$@" | sed 's/^/      /'; }
# The first and the last CPU that this container may use.
first_cpu() { sed -n 's/^Cpus_allowed_list:\s*\([0-9]*\).*/\1/p' /proc/self/status; }
last_cpu() { sed -n 's/^Cpus_allowed_list:.*[^0-9]\([0-9]*\)$/\1/p' /proc/self/status; }
# metric NAME: the sum of its series.
metric() {
    exec 3<>/dev/tcp/127.0.0.1/19117
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
    awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $2; seen = 1 }
                      END { if (seen) printf "%d\n", sum; else print "absent" }' <&3
    exec 3>&-
}

cat >"$folder/ravelin.yaml" <<YAML
version: 1
eal: [--no-huge, --no-pci, --no-shconf, -m, "128"]
cores: {management: [$(first_cpu)], workers: [$(last_cpu)]}
ports:
  outside: {device: "net_pcap0,rx_pcap=$demo/live-outside.pcap,tx_pcap=$folder/to-outside.pcap"}
  inside: {device: "net_pcap1,rx_pcap=$demo/live-inside.pcap,tx_pcap=$folder/to-inside.pcap"}
wires:
  - {name: vpn, outside: outside, inside: inside}
conntrack: {connections: 4096}
rules:
  - {name: openvpn, from: outside, protocol: udp, destination_ports: 1194, action: allow}
  - {name: udp_echo, from: outside, protocol: udp, destination_ports: 7777, action: allow}
  - {name: iperf3, from: outside, protocol: tcp, destination_ports: 5201, action: allow}
  - {name: ping, from: outside, protocol: icmp, action: allow}
  - {name: ping6, from: outside, protocol: icmpv6, action: allow}
  - {name: traceroute, from: outside, protocol: udp, destination_ports: 33434-33534, action: allow}
control: {socket: $folder/ravelin.sock}
http: {listen: "127.0.0.1:19117"}
YAML

say "Ravelin in a container, as $(id -un) (uid $(id -u)), without any privilege"
say
say "1. ravelind runs live, as a wire between two ports"
ravelind --config "$folder/ravelin.yaml" >"$folder/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    ctl health >/dev/null 2>&1 && break
    kill -0 "$daemon" 2>/dev/null || { cat "$folder/log"; fail "ravelind did not start"; }
    sleep 0.1
done
ctl health >/dev/null || { cat "$folder/log"; fail "ravelind is not ready"; }
for _ in $(seq 50); do
    [ "$(metric ravelin_port_receive_packets_total)" -ge 22 ] && break
    sleep 0.1
done

say
say "   Two OpenVPN packets and their answer, a traceroute probe and the router's error about it,"
say "   and a question without an answer; the pings are answered, so they are gone:"
shown flows -o conntrack
[ "$(ctl flows -o conntrack | grep -c .)" -eq 2 ] || fail "not two connections"
ctl flows -o conntrack | grep -q 'dport=1194.*\[ASSURED\]' || fail "OpenVPN is not [ASSURED]"
say
say "   A port scan, an Xmas probe and a ping answer that nobody asked for were dropped:"
shown drops
[ "$(metric ravelin_dropped_packets_total)" -eq 12 ] || fail "not twelve drops"
say
say "   Every packet is accounted for: $(metric ravelin_port_receive_packets_total) received," \
    "$(metric ravelin_port_transmit_packets_total) transmitted," \
    "$(metric ravelin_dropped_packets_total) dropped," \
    "$(metric ravelin_unaccounted_packets) unaccounted"
[ "$(metric ravelin_unaccounted_packets)" -eq 0 ] || fail "packets are unaccounted for"
kill -TERM "$daemon"
wait "$daemon" || fail "ravelind ended with $?"
daemon=

say
say "2. The same code replays captures, with their times as its clock: a TCP conversation, with a"
say "   forged reset in its middle and a stray packet at its end"
ravelind --replay "outside=$demo/replay-outside.pcap,inside=$demo/replay-inside.pcap" \
    --config "$folder/ravelin.yaml" --verdicts "$folder/verdicts.jsonl" --flows "$folder/flows.txt"
sed 's/^/      /' "$folder/verdicts.jsonl"
[ "$(grep -c '"verdict":"forward"' "$folder/verdicts.jsonl")" -eq 10 ] || fail "not ten forwarded"
[ "$(grep -c '"verdict":"drop"' "$folder/verdicts.jsonl")" -eq 2 ] || fail "not two dropped"
say "   and what is left of it:"
sed 's/^/      /' "$folder/flows.txt"
say
say "ok: all of it was as it should be"
