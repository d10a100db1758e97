// SPDX-License-Identifier: BSD-3-Clause
#include "config/load.h"

#include "config/draft.h"
#include "config/file.h"
#include "config/findings.h"
#include "config/text.h"
#include "config/validate.h"
#include "config/walk.h"
#include "config/yaml.h"

#include <utility>

namespace ravelin {
namespace {

using namespace config;

/// From bytes to a draft: as far as one can come.
void read_draft(std::string_view text, const std::string& path, Draft& draft, Findings& findings) {
    if (text.size() > kMaxConfigBytes) {
        findings.error({}, "the file has more than 1 MiB");
        return;
    }
    const std::string_view body = without_bom(text);
    if (!check_text(body, findings)) return;
    const std::optional<Node> root = read_yaml(body, findings);
    if (!root) return;
    walk(*root, draft, findings);
    validate(draft, path, findings);
}

}  // namespace

LoadResult load_config_text(std::string_view text, const std::string& path) {
    Findings findings;
    Draft draft;
    read_draft(text, path, draft, findings);
    LoadResult result;
    if (!findings.has_errors()) {
        result.config = std::move(draft.config);
        result.config->policy.compile();
        result.config->sha256 = sha256_hex(text);
        result.config->path = path;
    }
    result.findings = findings.take();
    result.text = std::string{text.substr(0, kMaxConfigBytes)};
    return result;
}

LoadResult load_config_file(const std::string& path) {
    Findings findings;
    const std::optional<std::string> text = read_config_file(path, findings);
    LoadResult result;
    if (text) result = load_config_text(*text, path);
    // What is said of the file as a whole stands before what is said of its lines.
    std::vector<Finding> all = findings.take();
    all.insert(all.end(), result.findings.begin(), result.findings.end());
    result.findings = std::move(all);
    return result;
}

}  // namespace ravelin
