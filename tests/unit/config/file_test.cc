// SPDX-License-Identifier: BSD-3-Clause
#include "config/file.h"

#include "unit/config/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ravelin {
namespace {

using config_test::shown;
using testing::ElementsAre;
using testing::IsEmpty;

class ConfigFile : public testing::Test {
  protected:
    ConfigFile() {
        std::string pattern = testing::TempDir() + "ravelin-config-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~ConfigFile() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

    std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) {
        std::ofstream{path(name), std::ios::binary} << text;
        EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
        return path(name);
    }

    std::string folder_;
};

TEST_F(ConfigFile, a_regular_file_is_read) {
    const LoadResult result = load_config_file(write("good.yaml", config_test::with("")));
    EXPECT_THAT(shown(result), IsEmpty());
    ASSERT_TRUE(result.config.has_value());
    EXPECT_EQ(result.config->path, path("good.yaml"));
    EXPECT_EQ(result.text, config_test::with(""));
}

TEST_F(ConfigFile, rules_know_their_file_and_line) {
    const LoadResult result = load_config_file(
        write("rules.yaml", config_test::with("rules:\n  - name: r\n    action: drop\n")));
    ASSERT_TRUE(result.config.has_value());
    EXPECT_EQ(result.config->policy.rules[0].where, path("rules.yaml") + ":7");
}

TEST_F(ConfigFile, a_missing_file_is_a_finding) {
    EXPECT_THAT(shown(load_config_file(path("none.yaml"))),
                ElementsAre("0:0 error: can't be opened: No such file or directory"));
}

TEST_F(ConfigFile, a_directory_is_refused) {
    EXPECT_THAT(shown(load_config_file(folder_)),
                ElementsAre("0:0 error: expected a regular file, got a directory"));
}

TEST_F(ConfigFile, a_fifo_is_refused_without_waiting_for_its_writer) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    EXPECT_THAT(shown(load_config_file(path("fifo"))),
                ElementsAre("0:0 error: expected a regular file, got a FIFO"));
}

TEST_F(ConfigFile, a_device_is_refused) {
    EXPECT_THAT(shown(load_config_file("/dev/zero")),
                ElementsAre("0:0 error: expected a regular file, got a device"));
}

TEST_F(ConfigFile, a_socket_is_refused) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(listener, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_THAT(shown(load_config_file(path("socket"))),
                ElementsAre("0:0 error: can't be opened: No such device or address"));
    ::close(listener);
}

TEST_F(ConfigFile, links_are_followed_as_configuration_maps_need_it) {
    write("real.yaml", config_test::with(""));
    std::filesystem::create_symlink("real.yaml", path("data"));
    std::filesystem::create_symlink("data", path("link.yaml"));
    EXPECT_TRUE(load_config_file(path("link.yaml")).config.has_value());
}

TEST_F(ConfigFile, a_link_to_something_else_is_refused_all_the_same) {
    std::filesystem::create_symlink("/dev/zero", path("link.yaml"));
    EXPECT_THAT(shown(load_config_file(path("link.yaml"))),
                ElementsAre("0:0 error: expected a regular file, got a device"));
    std::filesystem::create_symlink("loop.yaml", path("loop.yaml"));
    EXPECT_THAT(shown(load_config_file(path("loop.yaml"))),
                ElementsAre("0:0 error: can't be opened: Too many levels of symbolic links"));
}

TEST_F(ConfigFile, a_file_over_one_megabyte_is_refused_and_not_kept) {
    const std::string name = write("big.yaml", std::string(8 * kMaxConfigBytes, '#'));
    const LoadResult result = load_config_file(name);
    EXPECT_THAT(shown(result), ElementsAre("0:0 error: the file has more than 1 MiB"));
    EXPECT_LE(result.text.size(), kMaxConfigBytes);
}

TEST_F(ConfigFile, a_file_of_exactly_one_megabyte_is_read) {
    std::string text = config_test::with("");
    text += std::string(kMaxConfigBytes - text.size() - 1, '#') + "\n";
    EXPECT_TRUE(load_config_file(write("big.yaml", text)).config.has_value());
}

TEST_F(ConfigFile, one_that_everybody_may_change_is_a_warning) {
    const std::string name = write("open.yaml", config_test::with(""), 0666);
    const LoadResult result = load_config_file(name);
    EXPECT_THAT(shown(result), ElementsAre("0:0 warning: every user of this machine may change "
                                           "this file; try: chmod o-w " +
                                           name));
    EXPECT_TRUE(result.config.has_value());
}

TEST(Sha256, gives_the_standards_examples) {
    // FIPS 180-4's examples.
    EXPECT_EQ(config::sha256_hex(""),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(config::sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace ravelin
