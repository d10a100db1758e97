// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/text.h"

#include <cstdint>

namespace ravelin {

void append_json_string(std::string& out, std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    for (const char character : text) {
        const auto byte = static_cast<uint8_t>(character);
        if (character == '"' || character == '\\') {
            out.push_back('\\');
            out.push_back(character);
        } else if (byte >= 0x20 && byte <= 0x7e) {
            out.push_back(character);
        } else {
            out.append("\\u00");
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    out.push_back('"');
}

}  // namespace ravelin
