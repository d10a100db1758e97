// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_listing.h"

#include "mgmt/text.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

/// Connections in one piece, and in one task of it.
constexpr size_t kPiece = 4096;
constexpr size_t kTask = 512;

/// `{"text":"..."}`; only newlines can need escaping in what is put here, and names.
void append_text_line(std::string& out, std::string_view text) {
    out.append("{\"text\":\"");
    for (const char character : text) {
        if (character == '\n')
            out.append("\\n");
        else if (character == '"' || character == '\\')
            out.append({'\\', character});
        else
            out.push_back(character);
    }
    out.append("\"}\n");
}

}  // namespace

FlowListing::FlowListing(std::vector<FlowRecord> flows, Options options, FlowNames names,
                         TbbPool& pool)
    : options_{options},
      names_{std::move(names)},
      pool_{pool},
      flows_{std::move(flows)},
      total_{flows_.size()} {
    pool_.execute([&] { select(); });
    if (options_.output == FlowOutput::Table) table_.emplace(flows_, names_);
}

void FlowListing::select() {
    const FlowFilter& filter = options_.filter;
    tbb::enumerable_thread_specific<std::vector<uint32_t>> found;
    tbb::parallel_for(tbb::blocked_range<size_t>{0, flows_.size(), kTask}, [&](const auto& range) {
        std::vector<uint32_t>& mine = found.local();
        for (size_t i = range.begin(); i != range.end(); ++i)
            if (filter.matches(flows_[i])) mine.push_back(static_cast<uint32_t>(i));
    });
    std::vector<uint32_t> order;
    for (const auto& some : found)
        order.insert(order.end(), some.begin(), some.end());
    // Without a wanted order they stand as the table has them, as conntrack lists its own.
    if (filter.sort == FlowSort::None)
        tbb::parallel_sort(order.begin(), order.end());
    else
        tbb::parallel_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
            return filter.before(flows_[a], flows_[b]);
        });
    if (order.size() > filter.limit) order.resize(filter.limit);

    std::vector<FlowRecord> selected(order.size());
    tbb::parallel_for(tbb::blocked_range<size_t>{0, order.size(), kTask}, [&](const auto& range) {
        for (size_t i = range.begin(); i != range.end(); ++i)
            selected[i] = flows_[order[i]];
    });
    flows_ = std::move(selected);
}

std::string FlowListing::format(size_t first, size_t last) const {
    std::string text;
    for (size_t i = first; i < last; ++i) {
        switch (options_.output) {
            case FlowOutput::Conntrack:
                append_conntrack_line(text, flows_[i], options_.conntrack);
                break;
            case FlowOutput::Table:
                table_->append_row(text, flows_[i]);
                break;
            case FlowOutput::Json:
                append_flow_json(text, flows_[i], names_);
                text.push_back('\n');
                break;
        }
    }
    return text;
}

bool FlowListing::next(std::string& out) {
    if (position_ == 0 && table_) {
        std::string header;
        table_->append_header(header);
        append_text_line(out, header);
    }
    const size_t end = std::min(position_ + kPiece, flows_.size());
    const size_t tasks = (end - position_ + kTask - 1) / kTask;
    std::vector<std::string> parts(tasks);
    pool_.execute([&] {
        tbb::parallel_for(size_t{0}, tasks, [&](size_t task) {
            const size_t first = position_ + task * kTask;
            parts[task] = format(first, std::min(first + kTask, end));
        });
    });
    for (const std::string& part : parts) {
        if (options_.output == FlowOutput::Json)
            out.append(part);
        else
            append_text_line(out, part);
    }
    position_ = end;
    return position_ < flows_.size();
}

}  // namespace ravelin
