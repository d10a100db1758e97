// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace ravelin {

/// A file descriptor that is closed once.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int value) noexcept : value_{value} {}
    Fd(Fd&& other) noexcept : value_{std::exchange(other.value_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd();

    [[nodiscard]] int get() const noexcept { return value_; }
    [[nodiscard]] explicit operator bool() const noexcept { return value_ >= 0; }

  private:
    int value_ = -1;
};

/// Listens on a path of the file system, and removes it at the end.
///
/// A socket that an ended process left is replaced; one that somebody listens on is an error that
/// names him. The directory is made with mode 0750 when it is missing.
class UnixListener {
  public:
    static Result<UnixListener> open(const std::string& path, mode_t mode);
    UnixListener(UnixListener&&) = default;
    UnixListener& operator=(UnixListener&&) = delete;
    UnixListener(const UnixListener&) = delete;
    UnixListener& operator=(const UnixListener&) = delete;
    ~UnixListener();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The next peer, not blocking; none: an empty Fd.
    [[nodiscard]] Fd accept() const;

  private:
    UnixListener(Fd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}

    Fd fd_;
    std::string path_;
};

/// Who is at the other end of a connected socket, by the kernel's word (SO_PEERCRED).
struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups;  ///< the effective one first
};

Result<Peer> peer_of(int fd);

}  // namespace ravelin
