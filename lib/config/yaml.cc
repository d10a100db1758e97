// SPDX-License-Identifier: BSD-3-Clause
#include "config/yaml.h"

#include "config/text.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>

// The only file that knows yaml-cpp, and that catches anything.

namespace ravelin::config {
namespace {

/// Thrown through the parser to stop it: there is no other way to.
struct TooDeep {};

/// Turns the parser's marks (from 0, in bytes) into places (from 1, in characters).
///
/// Marks come nearly in order, so the count goes on from the last one on the same line: a file
/// that is one line of a megabyte would otherwise cost a megabyte for each of its values.
class Locator {
  public:
    explicit Locator(std::string_view text) : text_{text} {
        line_starts_.push_back(0);
        for (size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') line_starts_.push_back(i + 1);
        }
    }

    Place place(const YAML::Mark& mark) {
        if (mark.is_null() || mark.line < 0 || mark.column < 0) return {};
        const auto line = static_cast<size_t>(mark.line);
        if (line >= line_starts_.size()) return {};
        const size_t offset =
            std::min(line_starts_[line] + static_cast<size_t>(mark.column), text_.size());
        if (line != line_) {
            line_ = line;
            offset_ = line_starts_[line];
            characters_ = 0;
        }
        if (offset < offset_) {
            characters_ -= count_characters(text_.substr(offset, offset_ - offset));
        } else {
            characters_ += count_characters(text_.substr(offset_, offset - offset_));
        }
        offset_ = offset;
        return {static_cast<uint32_t>(line + 1), characters_ + 1, 1};
    }

    /// What follows the last place on its line, as far as it is worth marking.
    [[nodiscard]] std::string_view rest() const {
        constexpr size_t kMost = 256;
        std::string_view rest = text_.substr(offset_, kMost);
        rest = rest.substr(0, rest.find('\n'));
        while (!rest.empty() && (rest.back() == '\r' || rest.back() == ' '))
            rest.remove_suffix(1);
        return rest;
    }

  private:
    std::string_view text_;
    std::vector<size_t> line_starts_;
    size_t line_ = SIZE_MAX;
    size_t offset_ = 0;
    uint32_t characters_ = 0;
};

/// How much of `rest` a scalar takes: the marked part of a finding.
uint32_t scalar_length(std::string_view rest, const std::string& value) {
    if (rest.empty()) return 1;
    if (rest.front() == '"' || rest.front() == '\'') {
        for (size_t i = 1; i < rest.size(); ++i) {
            if (rest.front() == '"' && rest[i] == '\\') {
                ++i;
            } else if (rest[i] == rest.front()) {
                return count_characters(rest.substr(0, i + 1));
            }
        }
        return count_characters(rest);
    }
    if (rest.substr(0, value.size()) == value) return std::max(1U, count_characters(value));
    return rest.front() == '|' || rest.front() == '>' ? 1U : count_characters(rest);
}

/// Builds the tree from the parser's events. Events rather than yaml-cpp's own nodes, because those
/// hide aliases, merge what they repeat and keep only the first of two equal keys.
class TreeBuilder : public YAML::EventHandler {
  public:
    TreeBuilder(std::string_view text, Findings& findings) : locator_{text}, findings_{findings} {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 2) {
            findings_.error(locator_.place(mark),
                            "a second document: one file holds one configuration");
        }
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node node;
        node.place = null_place(mark);
        refuse_anchor(node, anchor);
        add(std::move(node));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        Node node;
        node.place = locator_.place(mark);
        node.place.length = alias_length();
        node.kind = Node::Kind::Refused;
        findings_.error(node.place, kNoAliases);
        add(std::move(node));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node;
        node.kind = Node::Kind::Scalar;
        node.quoted = tag == "!";
        node.text = value;
        node.place = locator_.place(mark);
        node.place.length = scalar_length(locator_.rest(), value);
        refuse_anchor(node, anchor);
        refuse_tag(node, tag);
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::List, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::Map, mark, tag, anchor);
    }
    void OnMapEnd() override {
        if (documents_ == 1) find_duplicates(open_.back());
        close();
    }

    /// Where an error is best looked for: a bracket that isn't closed, rather than the end of the
    /// file where that turns out.
    Place place_of(const YAML::Exception& error) {
        const bool unclosed = error.msg == YAML::ErrorMsg::END_OF_MAP_FLOW ||
                              error.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW;
        return unclosed && !open_.empty() ? open_.back().place : locator_.place(error.mark);
    }
    [[nodiscard]] uint32_t documents() const { return documents_; }
    Node take_root() { return std::move(root_); }

    static constexpr const char* kNoAliases =
        "anchors and aliases are not used here: write the value out";

  private:
    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        Node node;
        node.kind = kind;
        node.place = locator_.place(mark);
        if (open_.size() >= kMaxDepth) {
            findings_.error(node.place,
                            "more than " + std::to_string(kMaxDepth) + " levels of nesting");
            throw TooDeep{};
        }
        refuse_anchor(node, anchor);
        refuse_tag(node, tag);
        open_.push_back(std::move(node));
    }

    void close() {
        Node node = std::move(open_.back());
        open_.pop_back();
        add(std::move(node));
    }

    void add(Node node) {
        if (open_.empty()) {
            if (documents_ == 1) root_ = std::move(node);
            return;
        }
        Node& parent = open_.back();
        if (parent.kind == Node::Kind::Map && parent.keys.size() == parent.items.size()) {
            if (node.kind != Node::Kind::Scalar && node.kind != Node::Kind::Refused) {
                findings_.error(node.place, "a key must be one word");
                node = Node{.kind = Node::Kind::Refused, .place = node.place};
            }
            parent.keys.push_back(std::move(node));
        } else {
            parent.items.push_back(std::move(node));
        }
    }

    /// A missing value has the mark of whatever comes next; its key is what the reader looks for.
    Place null_place(const YAML::Mark& mark) {
        Place place = locator_.place(mark);
        const std::string_view rest = locator_.rest();
        for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
            if (rest.substr(0, word.size()) == word) {
                place.length = static_cast<uint32_t>(word.size());
                return place;
            }
        }
        if (!open_.empty() && open_.back().keys.size() > open_.back().items.size()) {
            return open_.back().keys.back().place;
        }
        return place;
    }

    [[nodiscard]] uint32_t alias_length() const {
        const std::string_view rest = locator_.rest();
        return count_characters(rest.substr(0, rest.find_first_of(" ,]}:")));
    }

    void refuse_anchor(Node& node, YAML::anchor_t anchor) {
        if (anchor == 0) return;
        findings_.error(node.place, kNoAliases);
    }

    void refuse_tag(Node& node, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        findings_.error(node.place, "tags such as " + in_quotes(tag) + " are not used here");
        node.kind = Node::Kind::Refused;
    }

    void find_duplicates(Node& map) {
        std::unordered_map<std::string_view, uint32_t> lines;
        for (const Node& key : map.keys) {
            if (key.kind != Node::Kind::Scalar) continue;
            const auto [first, is_new] = lines.emplace(key.text, key.place.line);
            if (is_new) continue;
            findings_.error(key.place, "duplicate key " + in_quotes(key.text) +
                                           ": it stands in line " + std::to_string(first->second) +
                                           " already");
        }
    }

    Locator locator_;
    Findings& findings_;
    std::vector<Node> open_;
    Node root_;
    uint32_t documents_ = 0;
};

/// What the parser's terse words mean to somebody who looks at the file.
std::string explain(const std::string& message) {
    struct Hint {
        const char* parser;
        const char* words;
    };
    static const std::array kHints{
        Hint{YAML::ErrorMsg::MAP_VALUE, "a ':' where no key can be; quote the text that holds it"},
        Hint{YAML::ErrorMsg::END_OF_MAP, "expected 'key: value' at this indentation"},
        Hint{YAML::ErrorMsg::END_OF_SEQ, "expected '- item' at this indentation"},
        Hint{YAML::ErrorMsg::END_OF_MAP_FLOW,
             "this '{' needs its '}', or a ',' or quote in between"},
        Hint{YAML::ErrorMsg::END_OF_SEQ_FLOW,
             "this '[' needs its ']', or a ',' or quote in between"},
        Hint{YAML::ErrorMsg::FLOW_END, "a ']' or '}' that closes nothing"},
        Hint{YAML::ErrorMsg::BLOCK_ENTRY, "a '-' where no list can be"},
        Hint{YAML::ErrorMsg::EOF_IN_SCALAR, "a quote that is never closed"},
        Hint{YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation; use spaces"},
        Hint{YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that can't stand here; quote the text"},
    };
    for (const Hint& hint : kHints) {
        if (message == hint.parser) return std::string{"not YAML: "} + hint.words;
    }
    if (message.rfind(YAML::ErrorMsg::UNKNOWN_ANCHOR, 0) == 0) return TreeBuilder::kNoAliases;
    return "not YAML: " + printable(message);
}

}  // namespace

const Node* Node::find(std::string_view key) const {
    if (kind != Kind::Map) return nullptr;
    for (size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].kind == Kind::Scalar && keys[i].text == key) return &items[i];
    }
    return nullptr;
}

std::optional<Node> read_yaml(std::string_view text, Findings& findings) {
    std::istringstream stream{std::string{text}};
    TreeBuilder builder{text, findings};
    try {
        YAML::Parser parser{stream};
        // Stops at the second document: it is refused whatever it holds.
        while (builder.documents() < 2 && parser.HandleNextDocument(builder)) {
        }
    } catch (const TooDeep&) {
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        findings.error(builder.place_of(error), explain(error.msg));
        return std::nullopt;
    } catch (const std::exception& error) {
        findings.error({}, std::string{"can't be read as YAML: "} + error.what());
        return std::nullopt;
    }
    if (builder.documents() == 0) {
        findings.error({}, "the file is empty; conf/ravelin.yaml is a commented beginning");
        return std::nullopt;
    }
    return builder.take_root();
}

}  // namespace ravelin::config
