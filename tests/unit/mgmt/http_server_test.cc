// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/http_server.h"

#include "fake_appliance.h"
#include "mgmt/clock_health.h"
#include "mgmt/metrics_catalog.h"
#include "mgmt/unix_socket.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <poll.h>
#include <sys/socket.h>

namespace ravelin {
namespace {

using test::FakeAppliance;

class HttpTest : public ::testing::Test {
  protected:
    HttpTest() {
        register_metrics(registry_, {fake_.appliance, config_, counters_});
        page_ = std::make_unique<MetricsPage>(registry_, config_);
        auto server = HttpServer::open("127.0.0.1:0", fake_.appliance, *page_, counters_);
        EXPECT_TRUE(server.has_value()) << server.error().message;
        server_.emplace(std::move(*server));
    }

    /// A connection over the loopback.
    [[nodiscard]] Fd connected() const {
        Fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server_->port());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        return fd;
    }
    /// Everything up to the server's close.
    static std::string read_all(const Fd& fd) {
        std::string all;
        std::array<char, 65536> bytes;
        for (pollfd polled{fd.get(), POLLIN, 0}; poll(&polled, 1, 20000) == 1;) {
            const ssize_t length = recv(fd.get(), bytes.data(), bytes.size(), 0);
            if (length <= 0) return all;
            all.append(bytes.data(), static_cast<size_t>(length));
        }
        ADD_FAILURE() << "no answer within 20 s";
        return all;
    }
    [[nodiscard]] std::string request(const std::string& text) const {
        const Fd fd = connected();
        static_cast<void>(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
        return read_all(fd);
    }
    [[nodiscard]] std::string get(const std::string& path) const {
        return request("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    static std::string body(const std::string& response) {
        const size_t end = response.find("\r\n\r\n");
        return end == std::string::npos ? "" : response.substr(end + 4);
    }

    FakeAppliance fake_;
    ManagementCounters counters_;
    ConfigState config_{fake_.appliance};
    Registry registry_;
    std::unique_ptr<MetricsPage> page_;
    std::optional<HttpServer> server_;
};

TEST_F(HttpTest, metrics_have_the_content_type_that_prometheus_wants) {
    const std::string response = get("/metrics");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_NE(response.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
              std::string::npos);
    EXPECT_NE(body(response).find("\nravelin_ready 1\n"), std::string::npos);
}

TEST_F(HttpTest, promtool_has_nothing_to_say_about_the_metrics) {
    const std::string file = fake_.directory.file("metrics");
    std::ofstream{file} << body(get("/metrics"));
    FILE* promtool = popen(("promtool check metrics < " + file + " 2>&1").c_str(), "r");
    ASSERT_NE(promtool, nullptr);
    std::string findings;
    std::array<char, 4096> bytes;
    while (const size_t length = fread(bytes.data(), 1, bytes.size(), promtool))
        findings.append(bytes.data(), length);
    EXPECT_EQ(pclose(promtool), 0) << findings;
    EXPECT_EQ(findings, "");
}

TEST_F(HttpTest, the_program_lives_even_when_it_does_not_forward) {
    fake_.inside_up = false;
    EXPECT_TRUE(get("/livez").starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(body(get("/healthz")), "ok\n");
    EXPECT_TRUE(get("/readyz").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_NE(body(get("/metrics")).find("\nravelin_ready 0\n"), std::string::npos);
}

TEST_F(HttpTest, readiness_tells_each_check) {
    EXPECT_EQ(body(get("/readyz")), "ok\n");
    EXPECT_EQ(body(get("/readyz?verbose")), "[+]workers ok\n[+]ports ok\nreadyz check passed\n");
    fake_.now = Duration{5s}.count();
    EXPECT_EQ(body(get("/readyz")),
              "[-]workers failed: worker 1 has not run for 5 s\n[+]ports ok\n"
              "readyz check failed\n");
}

TEST_F(HttpTest, what_is_wrong_with_clocks_is_told_and_changes_no_readiness) {
    ClockHealth clocks{[](double) {}};
    clocks.look({.kernel = {.known = true}});
    fake_.appliance.clocks = &clocks;
    EXPECT_EQ(body(get("/readyz")), "ok\n");
    const std::string verbose = body(get("/readyz?verbose"));
    EXPECT_TRUE(
        verbose.starts_with("[+]workers ok\n[+]ports ok\n[+]timer_clock ok\n"
                            "[!]wall_clock warns: the wall clock isn't synchronised"));
    EXPECT_TRUE(verbose.ends_with("readyz check passed\n"));
    const std::string metrics = body(get("/metrics"));
    EXPECT_NE(metrics.find("\nravelin_ready 1\n"), std::string::npos);
    EXPECT_EQ(metrics.find("check=\"wall_clock\""), std::string::npos) << "not behind /readyz";
    fake_.appliance.clocks = nullptr;
}

TEST_F(HttpTest, the_first_page_has_links_and_everything_else_is_not_found) {
    EXPECT_NE(body(get("/")).find("<a href=\"/metrics\">"), std::string::npos);
    for (const char* path : {"/etc/passwd", "/metrics/x", "/../etc/passwd", "/%2e%2e/etc/passwd"})
        EXPECT_NE(get(path).substr(0, 12), "HTTP/1.1 200") << path;
    EXPECT_TRUE(get("/nothing").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(HttpTest, only_get_and_head_are_allowed) {
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
        const std::string response =
            request(std::string{method} +
                    " /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        EXPECT_TRUE(response.starts_with("HTTP/1.1 405 ")) << method << ": " << response;
    }
    const std::string head = request("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(body(head), "");
}

TEST_F(HttpTest, requests_are_counted) {
    static_cast<void>(get("/livez"));
    static_cast<void>(get("/nothing"));
    const auto& counts = counters_.requests[static_cast<size_t>(Transport::Http)];
    EXPECT_EQ(counts.ok, 1U);
    EXPECT_EQ(counts.error, 1U);
}

TEST_F(HttpTest, a_header_over_four_kilobytes_is_refused) {
    const std::string response = request(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(8192, 'x') + "\r\n\r\n");
    EXPECT_FALSE(response.starts_with("HTTP/1.1 200")) << response;
}

TEST_F(HttpTest, slow_requests_keep_nobody_from_scraping) {
    // More than the server has threads; each holds one for two seconds at most.
    std::vector<Fd> slow;
    for (int i = 0; i < 10; ++i) {
        slow.push_back(connected());
        EXPECT_EQ(send(slow.back().get(), "GET /m", 6, MSG_NOSIGNAL), 6);
    }
    EXPECT_TRUE(get("/metrics").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpTest, a_port_in_use_is_an_error_that_says_so) {
    const std::string listen = "127.0.0.1:" + std::to_string(server_->port());
    const auto second = HttpServer::open(listen, fake_.appliance, *page_, counters_);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().message,
              "http: cannot listen on " + listen +
                  ": address in use (is another ravelind running? change http.listen)");
}

struct BadListen {
    const char* listen;
    const char* message;
};

TEST_F(HttpTest, what_cannot_be_listened_on_is_an_error_that_says_why) {
    const BadListen cases[] = {
        {"9117", "http: listen \"9117\": expected address:port, as in 127.0.0.1:9117"},
        {"127.0.0.1:9117s",
         "http: listen \"127.0.0.1:9117s\": TLS isn't served here; put a proxy such as nginx or "
         "stunnel in front"},
        {"127.0.0.1:http", "http: listen \"127.0.0.1:http\": \"http\" is no port"},
        {"127.0.0.1:70000", "http: listen \"127.0.0.1:70000\": \"70000\" is no port"},
        {"localhost:9117", "http: listen \"localhost:9117\": \"localhost\" is no address"},
        {"[::1:9117", "http: listen \"[::1:9117\": \"[::1\" is no address"},
        {"198.51.100.7:9117",
         "http: cannot listen on 198.51.100.7:9117: this machine doesn't have the address (change "
         "http.listen)"},
    };
    for (const BadListen& bad : cases) {
        const auto server = HttpServer::open(bad.listen, fake_.appliance, *page_, counters_);
        ASSERT_FALSE(server.has_value()) << bad.listen;
        EXPECT_EQ(server.error().message, bad.message);
    }
}

}  // namespace
}  // namespace ravelin
