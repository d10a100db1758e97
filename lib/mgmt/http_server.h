// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "mgmt/appliance.h"
#include "mgmt/exposition.h"
#include "mgmt/management_counters.h"

#include <memory>
#include <string>
#include <string_view>

namespace ravelin {

/// GET /metrics, /livez, /readyz, /healthz and a page with links; nothing else, and nothing that
/// changes anything.
///
/// civetweb runs it in threads of its own, which inherit the affinity of the thread that calls
/// open(): that must be a management thread. Limits (threats T72): GET and HEAD, a header of 4 KiB
/// within two seconds, one request per connection, eight at a time and sixteen waiting. No TLS: in
/// Debian 12's civetweb the first request ends the process; put a proxy in front.
class HttpServer {
  public:
    /// `listen` is "address:port", the address numeric, an IPv6 one in brackets.
    static Result<HttpServer> open(const std::string& listen, const Appliance& appliance,
                                   MetricsPage& metrics, ManagementCounters& counters);
    HttpServer(HttpServer&&) noexcept;
    HttpServer& operator=(HttpServer&&) = delete;
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    /// Where it listens, also when port 0 was asked for.
    [[nodiscard]] uint16_t port() const;

  private:
    class Handler;
    struct Server;
    explicit HttpServer(std::unique_ptr<Server> server);

    std::unique_ptr<Server> server_;
};

}  // namespace ravelin
