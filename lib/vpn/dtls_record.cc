// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/dtls_record.h"

#include "base/byteorder.h"

namespace ravelin {

namespace {

bool known_version(uint16_t version) noexcept {
    return version == 0xfeff || version == 0xfefd;  // 1.0 and 1.2
}

size_t load_be24(const uint8_t* bytes) noexcept {
    return size_t{bytes[0]} << 16 | load_be16(bytes + 1);
}

/// Takes fields off the front; once something was missing, nothing more can be had.
class Fields {
  public:
    explicit Fields(std::span<const uint8_t> bytes) noexcept : rest_{bytes} {}

    std::span<const uint8_t> take(size_t count) noexcept {
        if (count > rest_.size()) {
            whole_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    /// A field behind its own length of one or two bytes.
    std::span<const uint8_t> vector8() noexcept {
        const auto length = take(1);
        return take(length.empty() ? 0 : length[0]);
    }
    std::span<const uint8_t> vector16() noexcept {
        const auto length = take(2);
        return take(length.empty() ? 0 : load_be16(length.data()));
    }
    [[nodiscard]] bool whole() const noexcept { return whole_; }
    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

  private:
    std::span<const uint8_t> rest_;
    bool whole_ = true;
};

/// Is the extension for SRTP among what is there of the extensions?
bool offers_srtp(std::span<const uint8_t> extensions) noexcept {
    constexpr uint16_t kUseSrtp = 14;
    Fields fields{extensions};
    while (!fields.empty()) {
        const auto type = fields.take(2);
        if (type.empty()) return false;
        if (load_be16(type.data()) == kUseSrtp) return true;
        fields.vector16();
    }
    return false;
}

/// Behind the session id of a ClientHello: cookie, cipher suites, compression methods, extensions.
/// `all`: it is no fragment, so that nothing may be missing.
bool read_offer(Fields& fields, bool all, DtlsHello& hello) noexcept {
    fields.vector8();
    const auto suites = fields.vector16();
    const auto compressions = fields.vector8();
    if (!fields.whole()) return !all;
    if (suites.empty() || suites.size() % 2 != 0 || compressions.empty()) return false;
    if (fields.empty()) return true;  // extensions may be left out
    const auto length = fields.take(2);
    if (!fields.whole()) return !all;
    const size_t count = load_be16(length.data());
    Fields rest = fields;
    const auto extensions = rest.take(count);
    if (all && (!rest.whole() || !rest.empty())) return false;
    hello.media = offers_srtp(extensions);
    return true;
}

}  // namespace

std::optional<DtlsRecord> DtlsRecord::read(std::span<const uint8_t> bytes) noexcept {
    if (bytes.size() < kHeader) return std::nullopt;
    const uint8_t* const at = bytes.data();
    const size_t length = load_be16(at + 11);
    if (at[0] < static_cast<uint8_t>(DtlsContent::ChangeCipherSpec) ||
        at[0] > static_cast<uint8_t>(DtlsContent::Heartbeat) || !known_version(load_be16(at + 1)) ||
        length == 0 || length > bytes.size() - kHeader)
        return std::nullopt;
    return DtlsRecord{.content = static_cast<DtlsContent>(at[0]),
                      .epoch = load_be16(at + 3),
                      .body = bytes.subspan(kHeader, length)};
}

std::optional<DtlsHello> DtlsHello::read(const DtlsRecord& record) noexcept {
    constexpr size_t kHandshakeHeader = 12;
    if (record.content != DtlsContent::Handshake || record.epoch != 0 ||
        record.body.size() < kHandshakeHeader)
        return std::nullopt;
    const uint8_t* const at = record.body.data();
    const size_t length = load_be24(at + 1);
    const size_t fragment = load_be24(at + 9);
    // Further messages may follow in the same record; none of a hello's later fragments is read.
    if (load_be24(at + 6) != 0 || fragment > length ||
        fragment > record.body.size() - kHandshakeHeader)
        return std::nullopt;
    DtlsHello hello;
    Fields fields{record.body.subspan(kHandshakeHeader, fragment)};
    const auto version = fields.take(2);
    if (version.empty() || !known_version(load_be16(version.data()))) return std::nullopt;
    if (at[0] == static_cast<uint8_t>(Kind::VerifyRequest)) {
        fields.vector8();  // the cookie
        hello.kind = Kind::VerifyRequest;
        if (!fields.whole() || !fields.empty()) return std::nullopt;
        return hello;
    }
    if (at[0] != static_cast<uint8_t>(Kind::Client) && at[0] != static_cast<uint8_t>(Kind::Server))
        return std::nullopt;
    hello.kind = static_cast<Kind>(at[0]);
    const auto random = fields.take(32);
    const auto session_id = fields.vector8();
    if (!fields.whole() || session_id.size() > 32) return std::nullopt;
    hello.random = load_be64(random.data());
    if (session_id.size() >= 8) hello.session_id = load_be64(session_id.data());
    if (hello.kind == Kind::Client)
        return read_offer(fields, fragment == length, hello) ? std::optional{hello} : std::nullopt;
    fields.take(3);  // cipher suite and compression method
    if (!fields.whole()) return std::nullopt;
    if (!fields.empty()) fields.vector16();
    if (fragment == length && (!fields.whole() || !fields.empty())) return std::nullopt;
    return hello;
}

}  // namespace ravelin
