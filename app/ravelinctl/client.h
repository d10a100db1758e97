// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ravelin::ctl {

/// One connection to ravelind's control socket.
class Client {
  public:
    /// What to do with a line of the answer; false ends it early.
    using OnLine = std::function<bool(std::string_view line)>;

    static Result<Client> connect(const std::string& path);
    Client(Client&& other) noexcept : fd_{other.fd_} { other.fd_ = -1; }
    Client& operator=(Client&&) = delete;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    /// Sends one request (JSON without a newline) and hands each line of the answer to `on_line`,
    /// up to the one that ends it. Fails when the daemon goes away before that.
    Result<void> ask(std::string_view request, const OnLine& on_line);

  private:
    explicit Client(int fd) : fd_{fd} {}

    int fd_ = -1;
};

}  // namespace ravelin::ctl
