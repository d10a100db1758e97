// SPDX-License-Identifier: BSD-3-Clause
#include "config/file.h"

#include "base/check.h"
#include "config/text.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace ravelin::config {
namespace {

/// Closes what it holds.
class Descriptor {
  public:
    explicit Descriptor(int number) : number_{number} {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return number_; }

  private:
    int number_;
};

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

std::string reason(int error) {
    return std::system_category().message(error);
}

}  // namespace

std::optional<std::string> read_config_file(const std::string& path, Findings& findings) {
    // Opening a FIFO for reading would wait for its writer; with O_NONBLOCK it doesn't.
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (file.get() < 0) {
        findings.error({}, "can't be opened: " + reason(errno));
        return std::nullopt;
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        findings.error({}, "can't be examined: " + reason(errno));
        return std::nullopt;
    }
    if (!S_ISREG(status.st_mode)) {
        findings.error({}, "expected a regular file, got " + std::string{kind_of(status.st_mode)});
        return std::nullopt;
    }
    if ((status.st_mode & S_IWOTH) != 0) {
        findings.warning({}, "every user of this machine may change this file; try: chmod o-w " +
                                 printable(path));
    }
    // The size is the limit that is kept while reading, not the one that fstat told: the file may
    // grow meanwhile.
    std::string text;
    std::array<char, 65536> piece{};
    while (text.size() <= kMaxConfigBytes) {
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            findings.error({}, "can't be read: " + reason(errno));
            return std::nullopt;
        }
        if (got == 0) break;
        text.append(piece.data(), static_cast<size_t>(got));
    }
    return text;
}

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) ==
          1);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hexadecimal;
    for (unsigned i = 0; i < length; ++i) {
        hexadecimal += kDigits[digest[i] >> 4U];
        hexadecimal += kDigits[digest[i] & 15U];
    }
    return hexadecimal;
}

}  // namespace ravelin::config
