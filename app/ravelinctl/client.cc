// SPDX-License-Identifier: BSD-3-Clause
#include "client.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace ravelin::ctl {

namespace {

std::string help_for(int error) {
    switch (error) {
        case ENOENT:
        case ECONNREFUSED:
            return " (is ravelind running? -S or RAVELIN_SOCKET name another socket)";
        case EACCES:
        case EPERM:
            return " (run as root or as a member of the socket's group)";
        default:
            return "";
    }
}

std::string error_text(int error) {
    std::string text = std::system_category().message(error);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

/// The last line of an answer: {"end":true,...} or {"error":...}. nlohmann sorts keys, so that an
/// answer of one line may have its "end" anywhere.
bool is_last(std::string_view line) {
    if (line.starts_with("{\"error\":")) return true;
    if (line.starts_with("{\"text\":") || line.starts_with("{\"id\":")) return false;
    return line.find("\"end\":true") != std::string_view::npos;
}

}  // namespace

Client::~Client() {
    if (fd_ >= 0) close(fd_);
}

Result<Client> Client::connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail("socket path \"" + path + "\" must have 1 to 107 characters");
    std::memcpy(address.sun_path, path.data(), path.size());
    Client client{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (client.fd_ < 0 || ::connect(client.fd_, generic, sizeof address) != 0)
        return fail("cannot reach ravelind at " + path + ": " + error_text(errno) +
                    help_for(errno));
    return client;
}

Result<void> Client::ask(std::string_view request, const OnLine& on_line) {
    const std::string line = std::string{request} + "\n";
    for (size_t sent = 0; sent < line.size();) {
        const ssize_t length = ::send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (length < 0) return fail("ravelind closed the connection: " + error_text(errno));
        sent += static_cast<size_t>(length);
    }
    std::string buffer;
    std::array<char, 65536> bytes{};
    while (true) {
        const ssize_t length = recv(fd_, bytes.data(), bytes.size(), 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return fail("lost ravelind: " + error_text(errno));
        if (length == 0) return fail("ravelind closed the connection before the answer's end");
        buffer.append(bytes.data(), static_cast<size_t>(length));
        size_t start = 0;
        for (size_t end = buffer.find('\n'); end != std::string::npos;
             end = buffer.find('\n', start)) {
            const std::string_view one{buffer.data() + start, end - start};
            start = end + 1;
            if (!on_line(one) || is_last(one)) return {};
        }
        buffer.erase(0, start);
    }
}

}  // namespace ravelin::ctl
