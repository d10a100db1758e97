// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace ravelin {

namespace {

std::string error_text(int error) {
    std::string text = std::system_category().message(error);
    if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z')
        text.front() = static_cast<char>(text.front() + 32);
    return text;
}

tl::unexpected<Error> cannot(const std::string& what, int error) {
    std::string message = "control: cannot " + what + ": " + error_text(error);
    if (error == EACCES || error == EPERM)
        message += " (run as root, or set control.socket to a directory of yours)";
    return fail(std::move(message));
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<void> make_directory(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash == 0) return {};
    const std::string directory = path.substr(0, slash);
    if (mkdir(directory.c_str(), 0750) == 0 || errno == EEXIST) return {};
    return cannot("create " + directory, errno);
}

/// Removes what an ended process left at `path`.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return cannot("look at " + path, errno);
    }
    if (!S_ISSOCK(status.st_mode))
        return fail("control: " + path +
                    " exists and is no socket: remove it, or change control.socket");
    const Fd probe{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (connect(probe.get(), generic(address), sizeof address) == 0) {
        const auto peer = peer_of(probe.get());
        return fail("control: socket " + path + " is in use by another ravelind" +
                    (peer ? " (pid " + std::to_string(peer->pid) + ")" : "") +
                    ": stop it, or change control.socket");
    }
    if (errno == EAGAIN) return fail("control: socket " + path + " is in use by another ravelind");
    if (errno != ECONNREFUSED) return cannot("look who listens on " + path, errno);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return cannot("remove " + path, errno);
    return {};
}

}  // namespace

Fd::~Fd() {
    if (value_ >= 0) close(value_);
}

Result<UnixListener> UnixListener::open(const std::string& path, mode_t mode) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail("control: socket path \"" + path.substr(0, 128) +
                    "\" must have 1 to 107 characters");
    std::memcpy(address.sun_path, path.data(), path.size());
    if (auto made = make_directory(path); !made) return tl::unexpected<Error>{made.error()};
    if (auto removed = remove_stale(path, address); !removed)
        return tl::unexpected<Error>{removed.error()};

    Fd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return cannot("create a socket", errno);
    // Nobody may connect before the mode is what was asked for.
    const mode_t before = umask(0177);
    const int bound = bind(fd.get(), generic(address), sizeof address);
    const int error = errno;
    umask(before);
    if (bound != 0) return cannot("create socket " + path, error);
    UnixListener listener{std::move(fd), path};
    if (chmod(path.c_str(), mode) != 0) return cannot("set the mode of " + path, errno);
    if (listen(listener.fd(), 16) != 0) return cannot("listen on " + path, errno);
    return listener;
}

UnixListener::~UnixListener() {
    if (fd_) unlink(path_.c_str());
}

Fd UnixListener::accept() const {
    return Fd{accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
}

Result<Peer> peer_of(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return cannot("see who connects", errno);
    Peer peer{credentials.pid, credentials.uid, {credentials.gid}};
    std::vector<gid_t> more(64);
    size = static_cast<socklen_t>(more.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, more.data(), &size) == 0)
        peer.groups.insert(peer.groups.end(), more.begin(),
                           more.begin() + static_cast<long>(size / sizeof(gid_t)));
    return peer;
}

}  // namespace ravelin
