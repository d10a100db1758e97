// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/unix_socket.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace ravelin::test {

/// The other end of a control socket. Reads have a limit, so that a broken server fails a test
/// instead of hanging it.
class ControlClient {
  public:
    explicit ControlClient(const std::string& path)
        : fd_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0)
            << path;
    }

    void send(const std::string& text) {
        // A server that refuses closes before it has read all of an oversized request.
        static_cast<void>(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }
    void half_close() { shutdown(fd_.get(), SHUT_WR); }

    /// The next line, or "" when the server closed.
    std::string line() {
        while (true) {
            const size_t end = buffer_.find('\n');
            if (end != std::string::npos) {
                std::string found = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return found;
            }
            pollfd polled{fd_.get(), POLLIN, 0};
            if (poll(&polled, 1, 20000) != 1) {
                ADD_FAILURE() << "no answer within 20 s";
                return "";
            }
            std::array<char, 65536> bytes;
            const ssize_t length = recv(fd_.get(), bytes.data(), bytes.size(), 0);
            if (length <= 0) return "";
            buffer_.append(bytes.data(), static_cast<size_t>(length));
        }
    }

    /// All lines of one answer.
    std::vector<nlohmann::json> ask(const std::string& request) {
        send(request + "\n");
        std::vector<nlohmann::json> lines;
        while (true) {
            const std::string text = line();
            lines.push_back(nlohmann::json::parse(text, nullptr, false));
            EXPECT_TRUE(lines.back().is_object()) << text;
            if (!lines.back().is_object() || lines.back().contains("end") ||
                lines.back().contains("error"))
                return lines;
        }
    }
    /// The message of a refusal.
    std::string error_of(const std::string& request) {
        return ask(request).back().value("error", "");
    }

  private:
    Fd fd_;
    std::string buffer_;
};

}  // namespace ravelin::test
