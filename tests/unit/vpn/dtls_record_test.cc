// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/dtls_record.h"

#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

/// openconnect's ClientHello to ocserv.
Bytes real_client_hello() {
    return from_hex(
        "16feff0000000000000000009b0100008f000000000000008ffefd92f91a8d99a45ff7218ce422eda41c5b6672"
        "ac418e2a7a5f526424546b255b442060c51c454a07936c85dcef470d1f026f460a18ca9d7a7a19d70e381b6d01"
        "070a00001000a9ccabc0a5008d00a8c0a4008c00ae01000035000d0022002004010809080404030807050108"
        "0a08050503080601080b08060603020102030023000000ff01000100001c00024000");
}

std::optional<DtlsHello> hello_of(const Bytes& bytes) {
    const auto record = DtlsRecord::read(bytes);
    return record ? DtlsHello::read(*record) : std::nullopt;
}

TEST(DtlsRecord, reads_header_and_body) {
    Bytes bytes = tls::record(23, 3, 9, Bytes(25, 1));
    const auto record = DtlsRecord::read(bytes);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->content, DtlsContent::ApplicationData);
    EXPECT_EQ(record->epoch, 3);
    EXPECT_EQ(record->body.size(), 25U);
    EXPECT_EQ(record->size(), 38U);
    bytes.push_back(22);  // the next record begins here
    EXPECT_EQ(DtlsRecord::read(bytes)->size(), 38U);
}

TEST(DtlsRecord, is_whole_of_a_known_type_and_version) {
    const Bytes whole = tls::record(22, 0, 0, Bytes(20, 1));
    for (size_t size = 0; size < whole.size(); ++size) {
        Bytes bytes = whole;
        bytes.resize(size);
        EXPECT_FALSE(DtlsRecord::read(bytes)) << size;
    }
    for (unsigned type = 0; type < 256; ++type) {
        const Bytes bytes = tls::record(static_cast<uint8_t>(type), 0, 0, Bytes(20, 1));
        EXPECT_EQ(DtlsRecord::read(bytes).has_value(), type >= 20 && type <= 24) << type;
    }
    EXPECT_TRUE(DtlsRecord::read(tls::record(22, 0, 0, Bytes(20, 1), 0xfeff)));
    EXPECT_FALSE(DtlsRecord::read(tls::record(22, 0, 0, Bytes(20, 1), 0xfefe)));
    EXPECT_FALSE(DtlsRecord::read(tls::record(22, 0, 0, Bytes(20, 1), 0x0303)));
    EXPECT_FALSE(DtlsRecord::read(tls::record(22, 0, 0, {})));
}

TEST(DtlsHello, reads_what_openconnect_sends) {
    const auto hello = hello_of(real_client_hello());
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->kind, DtlsHello::Kind::Client);
    EXPECT_EQ(hello->random, 0x92f91a8d99a45ff7U);
    EXPECT_EQ(hello->session_id, 0x60c51c454a07936cU);
    EXPECT_FALSE(hello->media);
}

TEST(DtlsHello, reads_the_servers_answers) {
    const auto hello = hello_of(tls::server_hello());
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->kind, DtlsHello::Kind::Server);
    EXPECT_EQ(hello->session_id, 0x6161616161616161U);
    EXPECT_EQ(hello_of(tls::server_hello(1, 0))->session_id, 0U);
    EXPECT_EQ(hello_of(tls::verify_request(20))->kind, DtlsHello::Kind::VerifyRequest);
}

TEST(DtlsHello, sees_the_offer_of_keys_for_srtp) {
    EXPECT_TRUE(
        hello_of(tls::client_hello({.extensions = {0, 23, 0, 0, 0, 14, 0, 5, 0, 2, 0, 1, 0}}))
            ->media);
}

TEST(DtlsHello, every_length_has_to_be_consistent) {
    const Bytes whole = real_client_hello();
    // Each length field by itself, made larger or smaller by one.
    for (const size_t at :
         {size_t{16}, size_t{24}, size_t{59}, size_t{92}, size_t{94}, size_t{111}, size_t{114}}) {
        for (const int by : {1, -1}) {
            Bytes bytes = whole;
            const int changed = bytes.at(at) + by;
            if (changed < 0) continue;
            bytes.at(at) = static_cast<uint8_t>(changed);
            // A shorter fragment is a fragment, which is fine.
            EXPECT_EQ(hello_of(bytes).has_value(), (at == 16 && by == 1) || (at == 24 && by == -1))
                << at << ' ' << by;
        }
    }
}

TEST(DtlsHello, is_never_read_beyond_its_end) {
    const Bytes whole = real_client_hello();
    for (size_t size = 25; size < whole.size(); ++size) {
        Bytes bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        put16(bytes, 11, static_cast<uint16_t>(size - 13));
        EXPECT_FALSE(hello_of(bytes)) << size;
        put16(bytes, 23, static_cast<uint16_t>(size - 25));  // now it says that it is a fragment
        EXPECT_EQ(hello_of(bytes).has_value(), size >= 92) << size;
    }
}

TEST(DtlsHello, only_the_first_fragment_in_clear_is_read) {
    Bytes bytes = tls::client_hello();
    bytes.at(21) = 1;  // fragment offset
    EXPECT_FALSE(hello_of(bytes));
    bytes = tls::client_hello();
    put16(bytes, 3, 1);  // epoch
    EXPECT_FALSE(hello_of(bytes));
    bytes = tls::client_hello({.session_id = 33});
    EXPECT_FALSE(hello_of(bytes));
}

}  // namespace
}  // namespace ravelin
