// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/commands.h"
#include "mgmt/tunnel_format.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

using nlohmann::json;

/// The value of `key`, one of two words; the first is the default.
Result<bool> second_of(const json& request, const char* key, const char* first,
                       const char* second) {
    const auto found = request.find(key);
    if (found == request.end() || *found == first) return false;
    if (*found == second) return true;
    return fail("\"" + std::string{key} + "\" must be one of " + first + ", " + second);
}

/// Hexadecimal digits in lower case.
Result<std::string> read_id(const json& request) {
    constexpr size_t kLongest = 16;
    const auto found = request.find("id");
    if (found == request.end() || !found->is_string())
        return fail("\"id\" must be the id of a tunnel, as {\"cmd\":\"tunnels\"} lists them");
    auto id = found->get<std::string>();
    for (char& character : id)
        if (character >= 'A' && character <= 'F') character = static_cast<char>(character + 32);
    const bool hex = !id.empty() && id.size() <= kLongest &&
                     id.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex) return fail("an id is 1 to 16 hexadecimal digits, as in 43e5c0de");
    return id;
}

/// Sixteen digits name a whole session id, of which a tunnel's id is the beginning.
constexpr size_t kIdDigits = 8;

}  // namespace

Result<TunnelView> Commands::view_tunnels(const json& request, TunnelIds by_default) {
    if (parts_.tunnels == nullptr) return fail("tunnels are not watched");
    const bool session_first = by_default == TunnelIds::Session;
    const auto other = second_of(request, "ids", session_first ? "session" : "hashed",
                                 session_first ? "hashed" : "session");
    if (!other) return tl::unexpected<Error>{other.error()};
    const TunnelIds ids = session_first == *other ? TunnelIds::Hashed : TunnelIds::Session;
    if (auto fresh = parts_.tunnels->refresh(); !fresh) return tl::unexpected<Error>{fresh.error()};
    return TunnelView{parts_.tunnels->registry(), parts_.appliance.now(), ids};
}

Result<Reply> Commands::tunnels(const json& request) {
    const auto table = second_of(request, "output", "json", "table");
    if (!table) return tl::unexpected<Error>{table.error()};
    const auto view = view_tunnels(request, *table ? TunnelIds::Session : TunnelIds::Hashed);
    if (!view) return tl::unexpected<Error>{view.error()};
    std::vector<const TunnelStory*> stories = view->registry.list();
    const size_t total = stories.size();
    if (request.value("all", json{}) != true)
        std::erase_if(
            stories, [](const TunnelStory* story) { return story->ended || story->unconfirmed(); });
    Reply reply;
    if (*table) {
        reply.text = line({{"text", tunnel_table(stories, *view)}});
    } else {
        for (const TunnelStory* story : stories)
            reply.text += line(tunnel_json(*story, *view, false));
    }
    reply.text += line({{"end", true}, {"shown", stories.size()}, {"total", total}});
    return reply;
}

Result<Reply> Commands::tunnel(const json& request) {
    const auto text = second_of(request, "output", "json", "text");
    if (!text) return tl::unexpected<Error>{text.error()};
    const auto id = read_id(request);
    if (!id) return tl::unexpected<Error>{id.error()};
    const auto view = view_tunnels(request, *text ? TunnelIds::Session : TunnelIds::Hashed);
    if (!view) return tl::unexpected<Error>{view.error()};
    const auto found = view->registry.find(std::string_view{*id}.substr(0, kIdDigits));
    if (found.story == nullptr) return fail("no tunnel has the id " + *id);
    if (found.many) return fail("several tunnels' ids begin with " + *id);
    Reply reply;
    reply.text = *text ? line({{"text", tunnel_page(*found.story, *view)}})
                       : line(tunnel_json(*found.story, *view, true));
    reply.text += line({{"end", true}, {"shown", 1}, {"total", 1}});
    return reply;
}

}  // namespace ravelin
