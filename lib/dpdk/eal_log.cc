// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal_log.h"

#include "base/check.h"

#include <rte_log.h>

#include <array>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace ravelin {
namespace {

ssize_t stream_write(void* cookie, const char* text, size_t length) {
    static_cast<EalLog*>(cookie)->write({text, length});
    return static_cast<ssize_t>(length);
}

EalLogLevel current_level() {
    const int level = rte_log_cur_msg_loglevel();
    if (level <= static_cast<int>(RTE_LOG_ERR)) return EalLogLevel::Error;
    if (level <= static_cast<int>(RTE_LOG_WARNING)) return EalLogLevel::Warning;
    return level <= static_cast<int>(RTE_LOG_INFO) ? EalLogLevel::Info : EalLogLevel::Debug;
}

}  // namespace

EalLog::EalLog(EalLogSink sink) : sink_{std::move(sink)} {
    stream_ = fopencookie(this, "w", {nullptr, stream_write, nullptr, nullptr});
    CHECK(stream_ != nullptr);
    rte_openlog_stream(stream_);
}

EalLog::~EalLog() {
    rte_openlog_stream(nullptr);
    std::fclose(stream_);
}

void EalLog::hold() {
    kept_.clear();
    holding_ = true;
}

std::string EalLog::release() {
    std::fflush(stream_);
    holding_ = false;
    return std::exchange(kept_, {});
}

void EalLog::write(std::string_view text) {
    if (holding_) {
        kept_ += text;
        return;
    }
    if (!sink_) return;
    const EalLogLevel level = current_level();
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (!line.empty()) sink_(level, line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

OutputCapture::OutputCapture() {
    std::fflush(stdout);
    std::fflush(stderr);
    file_ = memfd_create("ravelin-eal", MFD_CLOEXEC);
    if (file_ < 0) return;
    saved_output_ = dup(STDOUT_FILENO);
    saved_error_ = dup(STDERR_FILENO);
    dup2(file_, STDOUT_FILENO);
    dup2(file_, STDERR_FILENO);
}

void OutputCapture::restore() noexcept {
    if (file_ < 0) return;
    std::fflush(stdout);
    std::fflush(stderr);
    dup2(saved_output_, STDOUT_FILENO);
    dup2(saved_error_, STDERR_FILENO);
    close(saved_output_);
    close(saved_error_);
    close(file_);
    file_ = -1;
}

std::string OutputCapture::finish() {
    std::string text;
    if (file_ < 0) return text;
    std::fflush(stdout);
    std::fflush(stderr);
    lseek(file_, 0, SEEK_SET);
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = read(file_, chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<size_t>(got));
    restore();
    return text;
}

}  // namespace ravelin
