// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/unix_socket.h"

#include "fake_appliance.h"
#include "mgmt/control_server.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace ravelin {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

/// Leaves a socket file as a killed process does.
void leave_stale(const std::string& path) {
    const Fd fd{socket(AF_UNIX, SOCK_STREAM, 0)};
    const sockaddr_un address = address_of(path);
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
}

TEST(UnixListener, the_socket_and_its_missing_directory_get_their_modes) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("run/ravelin.sock");
    const auto listener = UnixListener::open(path, 0660);
    ASSERT_TRUE(listener.has_value()) << listener.error().message;
    EXPECT_EQ(mode_of(directory.file("run")), 0750U);
    EXPECT_EQ(mode_of(path), 0660U);
}

TEST(UnixListener, the_socket_is_removed_at_the_end) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("s");
    { ASSERT_TRUE(UnixListener::open(path, 0600).has_value()); }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(UnixListener, what_an_ended_process_left_is_replaced) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("s");
    leave_stale(path);
    EXPECT_TRUE(UnixListener::open(path, 0600).has_value());
}

TEST(UnixListener, a_socket_in_use_is_an_error_that_names_its_owner) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("s");
    const auto first = UnixListener::open(path, 0600);
    ASSERT_TRUE(first.has_value());
    const auto second = UnixListener::open(path, 0600);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().message,
              "control: socket " + path + " is in use by another ravelind (pid " +
                  std::to_string(getpid()) + "): stop it, or change control.socket");
    EXPECT_TRUE(std::filesystem::exists(path)) << "the first one's socket was removed";
}

TEST(UnixListener, a_file_that_is_no_socket_is_left_alone) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("precious");
    std::ofstream{path} << "data";
    const auto listener = UnixListener::open(path, 0600);
    ASSERT_FALSE(listener.has_value());
    EXPECT_EQ(listener.error().message,
              "control: " + path + " exists and is no socket: remove it, or change control.socket");
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(UnixListener, a_path_that_does_not_fit_is_an_error) {
    EXPECT_FALSE(UnixListener::open("", 0600).has_value());
    const auto listener = UnixListener::open("/tmp/" + std::string(108, 'x'), 0600);
    ASSERT_FALSE(listener.has_value());
    EXPECT_NE(listener.error().message.find("must have 1 to 107 characters"), std::string::npos);
}

TEST(UnixListener, a_directory_that_cannot_be_made_is_an_error_with_its_reason) {
    const auto listener = UnixListener::open("/proc/ravelin/ravelin.sock", 0600);
    ASSERT_FALSE(listener.has_value());
    EXPECT_TRUE(
        listener.error().message.starts_with("control: cannot create /proc/ravelin: no such file"))
        << listener.error().message;
}

TEST(PeerOf, the_kernel_says_who_is_at_the_other_end) {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    const Fd mine{pair[0]};
    const Fd other{pair[1]};
    const auto peer = peer_of(mine.get());
    ASSERT_TRUE(peer.has_value());
    EXPECT_EQ(peer->pid, getpid());
    EXPECT_EQ(peer->uid, geteuid());
    EXPECT_EQ(peer->groups.front(), getegid());
}

struct RoleCase {
    const char* name;
    Peer peer;
    Role role;
};

TEST(RoleOf, root_and_the_own_user_change_things_and_the_group_looks) {
    const RoleCase cases[] = {
        {"root", {1, 0, {0}}, Role::Admin},
        {"same user", {1, 500, {1}}, Role::Admin},
        {"first group", {1, 501, {600}}, Role::ReadOnly},
        {"other group", {1, 501, {7, 8, 600}}, Role::ReadOnly},
        {"stranger", {1, 501, {7, 8}}, Role::None},
    };
    for (const RoleCase& one : cases)
        EXPECT_EQ(role_of(one.peer, 500, 600), one.role) << one.name;
}

}  // namespace
}  // namespace ravelin
