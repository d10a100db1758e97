// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ravelin {

/// A small value that one thread replaces now and then and any number of threads read as a whole.
///
/// A sequence lock: an odd version says that the value is being replaced. Neither side ever waits:
/// read() fails instead, and a reader that may not miss a beat goes on with what it has read
/// before. Data goes through atomic words with acquire and release, which cost nothing on x86, so
/// that no fence is needed and ThreadSanitizer follows.
template <class T>
class Sequenced {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(uint64_t) == 0);

  public:
    explicit Sequenced(const T& first = T{}) noexcept { write(first); }
    ~Sequenced() = default;
    Sequenced(const Sequenced&) = delete;
    Sequenced& operator=(const Sequenced&) = delete;

    /// The one writing thread only.
    void write(const T& value) noexcept {
        const auto words = std::bit_cast<Words>(value);
        const uint64_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);
        for (size_t i = 0; i < words.size(); ++i)
            words_[i].store(words[i], std::memory_order_release);
        version_.store(version + 2, std::memory_order_release);
    }

    /// Another one than before: there is something new to read.
    [[nodiscard]] uint64_t version() const noexcept {
        return version_.load(std::memory_order_relaxed);
    }

    /// Copies the value; false, with `out` as it was, when it is being replaced right now.
    [[nodiscard]] bool read(T& out) const noexcept {
        const uint64_t before = version_.load(std::memory_order_acquire);
        Words words{};
        for (size_t i = 0; i < words.size(); ++i)
            words[i] = words_[i].load(std::memory_order_acquire);
        if (before % 2 != 0 || version_.load(std::memory_order_relaxed) != before) return false;
        out = std::bit_cast<T>(words);
        return true;
    }

    /// The value, when it takes more than one attempt: for readers that may lose a microsecond.
    [[nodiscard]] T value() const noexcept {
        T out{};
        while (!read(out)) {
        }
        return out;
    }

  private:
    using Words = std::array<uint64_t, sizeof(T) / sizeof(uint64_t)>;

    std::atomic<uint64_t> version_{0};
    std::array<std::atomic<uint64_t>, sizeof(T) / sizeof(uint64_t)> words_{};
};

}  // namespace ravelin
