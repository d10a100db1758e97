// SPDX-License-Identifier: BSD-3-Clause
#include "base/check.h"
#include "packet/parse.h"
#include "packet/parse_any.h"
#include "support/headers_check.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

// The first byte chooses the options, the second what is done with the rest:
//   even: a frame for parse(); the short cut and the long way have to agree
//   odd:  a quoted packet for parse_quoted()
// All offsets have to lie inside, and a packet that is taken has to be consistent.

namespace ravelin {
namespace {

void expect(const char* broken) {
    if (broken != nullptr) std::fprintf(stderr, "broken promise: %s\n", broken);
    CHECK(broken == nullptr);
}

void fuzz_frame(uint8_t choice, std::span<const uint8_t> frame) {
    ParseOptions options;
    options.verify_checksums = (choice & 1) != 0;
    options.refuse_ipv4_options = (choice & 2) != 0;
    options.refuse_martians = (choice & 4) != 0;
    options.refuse_routing_header = (choice & 8) != 0;
    options.refuse_ttl_zero = (choice & 16) != 0;
    const bool good = (choice & 32) != 0;
    Headers headers;
    Headers again;
    const DropReason reason = parse(frame, options, good, headers);
    CHECK(reason < DropReason::Count);
    expect(testing::broken_promise(reason, headers, frame.size()));
    CHECK(parse_any(frame, options, good, again) == reason);
    CHECK(again == headers);
    if (reason != DropReason::None || headers.family == Family::None) return;
    // Padding is nobody's: without it the result is the same.
    CHECK(parse(frame.first(headers.l3_offset + headers.ip_length), options, good, again) ==
          reason);
    CHECK(again == headers);
}

void fuzz_quote(uint8_t choice, std::span<const uint8_t> quote) {
    const QuoteOptions options{.verify_ip_checksum = (choice & 1) != 0,
                               .minimum_l4_bytes = static_cast<uint8_t>((choice & 2) != 0 ? 8 : 4)};
    const Family family = (choice & 4) != 0 ? Family::Ipv6 : Family::Ipv4;
    Headers headers;
    uint32_t sequence = 0;
    const DropReason reason = parse_quoted(quote, family, options, headers, sequence);
    CHECK(reason == DropReason::None || reason == DropReason::IcmpErrorMalformed);
    if (reason != DropReason::None) return;
    CHECK(headers.family == family && headers.l3_offset == 0 && headers.fragment_offset == 0);
    CHECK(headers.l4_offset >= (family == Family::Ipv6 ? 40 : 20));
    CHECK(headers.l4_offset <= quote.size());
    const bool has_ports = headers.protocol == ip_protocol::kTcp ||
                           headers.protocol == ip_protocol::kUdp ||
                           headers.protocol == ip_protocol::kSctp;
    if (has_ports) CHECK(headers.l4_offset + options.minimum_l4_bytes <= quote.size());
    if (headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6) {
        CHECK(!is_icmp_error(family, headers.icmp_type));
    }
}

}  // namespace
}  // namespace ravelin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    // A buffer of exactly this size, so that the sanitizer sees one byte too many.
    const std::vector<uint8_t> bytes(data + 2, data + size);
    if ((data[1] & 1) == 0) {
        ravelin::fuzz_frame(data[0], bytes);
    } else {
        ravelin::fuzz_quote(data[0], bytes);
    }
    return 0;
}
