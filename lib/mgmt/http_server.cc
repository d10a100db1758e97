// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/http_server.h"

#include "mgmt/health.h"

#include <CivetServer.h>

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace ravelin {

namespace {

struct Endpoint {
    sockaddr_storage address{};
    socklen_t size = 0;

    void set_port(uint16_t port) noexcept {
        if (address.ss_family == AF_INET6)
            reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = htons(port);
        else
            reinterpret_cast<sockaddr_in*>(&address)->sin_port = htons(port);
    }
};

tl::unexpected<Error> cannot_listen(const std::string& listen, int error) {
    std::string message = "http: cannot listen on " + listen + ": ";
    if (error == EADDRINUSE)
        return fail(message + "address in use (is another ravelind running? change http.listen)");
    if (error == EADDRNOTAVAIL)
        return fail(message + "this machine doesn't have the address (change http.listen)");
    if (error == EACCES)
        return fail(message +
                    "permission denied (ports below 1024 are for root; change "
                    "http.listen)");
    return fail(message + std::system_category().message(error));
}

Result<Endpoint> parse_listen(const std::string& listen) {
    const auto wrong = [&](const std::string& why) {
        return fail("http: listen \"" + listen.substr(0, 64) + "\": " + why);
    };
    const size_t colon = listen.rfind(':');
    if (colon == std::string::npos) return wrong("expected address:port, as in 127.0.0.1:9117");
    std::string host = listen.substr(0, colon);
    const std::string digits = listen.substr(colon + 1);
    if (!digits.empty() && (digits.back() == 's' || digits.back() == 'r'))
        return wrong("TLS isn't served here; put a proxy such as nginx or stunnel in front");
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size())
        return wrong("\"" + digits + "\" is no port");
    Endpoint endpoint;
    if (host.starts_with('[') && host.ends_with(']')) {
        auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&endpoint.address);
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(port);
        endpoint.size = sizeof *ipv6;
        host = host.substr(1, host.size() - 2);
        if (inet_pton(AF_INET6, host.c_str(), &ipv6->sin6_addr) == 1) return endpoint;
    } else {
        auto* ipv4 = reinterpret_cast<sockaddr_in*>(&endpoint.address);
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        endpoint.size = sizeof *ipv4;
        if (inet_pton(AF_INET, host.c_str(), &ipv4->sin_addr) == 1) return endpoint;
    }
    return wrong("\"" + host + "\" is no address");
}

/// civetweb only says that it couldn't start; the kernel says why.
Result<void> try_listen(const std::string& listen) {
    const auto endpoint = parse_listen(listen);
    if (!endpoint) return tl::unexpected<Error>{endpoint.error()};
    const int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return cannot_listen(listen, errno);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto* address = reinterpret_cast<const sockaddr*>(&endpoint->address);
    const bool works = bind(fd, address, endpoint->size) == 0 && ::listen(fd, 1) == 0;
    const int error = errno;
    close(fd);
    if (!works) return cannot_listen(listen, error);
    return {};
}

/// Connects to a listening socket again and again until its own end. civetweb looks at its stop
/// flag only when its poll of that socket returns, which takes up to two seconds when nobody comes.
class Knocker {
  public:
    explicit Knocker(const Endpoint& endpoint)
        : thread_{[endpoint](const std::stop_token& stop) { knock(endpoint, stop); }} {}

  private:
    static void knock(const Endpoint& endpoint, const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock{mutex};
        while (!stop.stop_requested()) {
            const int fd =
                socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            connect(fd, reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size);
            close(fd);
            ended.wait_for(lock, stop, std::chrono::milliseconds{5}, [] { return false; });
        }
    }

    std::jthread thread_;
};

struct Page {
    int status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
};

const char* reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 503:
            return "Service Unavailable";
        default:
            return "Error";
    }
}

void write(mg_connection* connection, const Page& page, bool head) {
    const std::string header = "HTTP/1.1 " + std::to_string(page.status) + " " +
                               reason_phrase(page.status) + "\r\nContent-Type: " + page.type +
                               "\r\nContent-Length: " + std::to_string(page.body.size()) +
                               "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff" +
                               (page.status == 405 ? "\r\nAllow: GET, HEAD" : "") +
                               "\r\nConnection: close\r\n\r\n";
    mg_write(connection, header.data(), header.size());
    if (!head) mg_write(connection, page.body.data(), page.body.size());
}

/// Kubernetes' form: one line per check with ?verbose, and always when one fails.
Page readiness(const Appliance& appliance, bool verbose) {
    const auto checks = check_health(appliance);
    const bool ready = all_ok(checks);
    Page page;
    page.status = ready ? 200 : 503;
    if (ready && !verbose) {
        page.body = "ok\n";
        return page;
    }
    for (const HealthCheck& check : checks)
        page.body +=
            (check.ok         ? "[+]"
             : check.advisory ? "[!]"
                              : "[-]") +
            check.name +
            (check.ok ? " ok" : (check.advisory ? " warns: " : " failed: ") + check.detail) + "\n";
    page.body += ready ? "readyz check passed\n" : "readyz check failed\n";
    return page;
}

Page landing(const Appliance& appliance) {
    Page page;
    page.type = "text/html; charset=utf-8";
    page.body =
        "<!doctype html>\n<html lang=\"en\"><head><title>Ravelin</title></head><body>\n"
        "<h1>Ravelin " +
        appliance.build.version +
        "</h1>\n<ul>\n<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
        "<li><a href=\"/livez\">/livez</a>: does the program run?</li>\n"
        "<li><a href=\"/readyz?verbose\">/readyz</a>: does it forward?</li>\n"
        "</ul>\n</body></html>\n";
    return page;
}

}  // namespace

class HttpServer::Handler : public CivetHandler {
  public:
    Handler(const Appliance& appliance, MetricsPage& metrics, ManagementCounters& counters)
        : appliance_{appliance}, metrics_{metrics}, counters_{counters} {}

    bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
        return answer(connection, false);
    }
    bool handleHead(CivetServer* /*server*/, mg_connection* connection) override {
        return answer(connection, true);
    }
    bool handlePost(CivetServer* /*server*/, mg_connection* connection) override {
        return refuse(connection);
    }
    bool handlePut(CivetServer* /*server*/, mg_connection* connection) override {
        return refuse(connection);
    }
    bool handleDelete(CivetServer* /*server*/, mg_connection* connection) override {
        return refuse(connection);
    }
    bool handleOptions(CivetServer* /*server*/, mg_connection* connection) override {
        return refuse(connection);
    }
    bool handlePatch(CivetServer* /*server*/, mg_connection* connection) override {
        return refuse(connection);
    }

  private:
    bool answer(mg_connection* connection, bool head) {
        const mg_request_info* request = mg_get_request_info(connection);
        const std::string_view path = request->local_uri == nullptr ? "" : request->local_uri;
        const std::string_view query =
            request->query_string == nullptr ? "" : request->query_string;
        const Page page = find(path, query);
        counters_.count_request(Transport::Http, page.status == 200);
        write(connection, page, head);
        return true;
    }
    bool refuse(mg_connection* connection) {
        Page page;
        page.status = 405;
        page.body = "only GET and HEAD\n";
        counters_.count_request(Transport::Http, false);
        write(connection, page, false);
        return true;
    }
    [[nodiscard]] Page find(std::string_view path, std::string_view query) const {
        Page page;
        if (path == "/metrics") {
            page.type = "text/plain; version=0.0.4; charset=utf-8";
            page.body = metrics_.text();
        } else if (path == "/livez" || path == "/healthz") {
            page.body = "ok\n";
        } else if (path == "/readyz") {
            page = readiness(appliance_, query.starts_with("verbose"));
        } else if (path == "/") {
            page = landing(appliance_);
        } else {
            page.status = 404;
            page.body = "not found; see /\n";
        }
        return page;
    }

    const Appliance& appliance_;
    MetricsPage& metrics_;
    ManagementCounters& counters_;
};

struct HttpServer::Server {
    Server(Handler handles, const Endpoint& listens)
        : handler{std::move(handles)}, endpoint{listens} {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        if (civet == nullptr) return;
        const Knocker knocker{endpoint};
        civet->close();
    }

    Handler handler;
    Endpoint endpoint;
    std::unique_ptr<CivetServer> civet;
};

HttpServer::HttpServer(std::unique_ptr<Server> server) : server_{std::move(server)} {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

Result<HttpServer> HttpServer::open(const std::string& listen, const Appliance& appliance,
                                    MetricsPage& metrics, ManagementCounters& counters) {
    if (auto works = try_listen(listen); !works) return tl::unexpected<Error>{works.error()};
    auto server =
        std::make_unique<Server>(Handler{appliance, metrics, counters}, *parse_listen(listen));
    const std::vector<std::string> options{"listening_ports",
                                           listen,
                                           "num_threads",
                                           "8",
                                           "connection_queue",
                                           "16",
                                           "listen_backlog",
                                           "16",
                                           "request_timeout_ms",
                                           "2000",
                                           "max_request_size",
                                           "4096",
                                           "enable_keep_alive",
                                           "no",
                                           "enable_directory_listing",
                                           "no"};
    try {
        server->civet = std::make_unique<CivetServer>(options);
    } catch (const CivetException& exception) {
        return fail("http: cannot listen on " + listen + ": " + exception.what());
    }
    // Every path comes here; civetweb's own file serving has no directory and stays off.
    server->civet->addHandler("/", server->handler);
    server->civet->addHandler("**", server->handler);
    if (const auto ports = server->civet->getListeningPorts(); !ports.empty())
        server->endpoint.set_port(static_cast<uint16_t>(ports.front()));
    return HttpServer{std::move(server)};
}

uint16_t HttpServer::port() const {
    const auto ports = server_->civet->getListeningPorts();
    return ports.empty() ? uint16_t{0} : static_cast<uint16_t>(ports.front());
}

}  // namespace ravelin
