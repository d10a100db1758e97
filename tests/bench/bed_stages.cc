// SPDX-License-Identifier: BSD-3-Clause
// The tracking stage by itself, what memory costs in any case, and the hash table that DPDK brings.
#include "base/check.h"
#include "base/page_array.h"
#include "bench/bed.h"

#include <rte_cycles.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_timer.h>

#include <array>

namespace ravelin::bench {

namespace {

constexpr uint32_t kBursts = 16;

/// Bursts that have been parsed; steer(), look_up() and track() are measured, overlapped as in the
/// worker.
class Stage {
  public:
    Stage(Ports& ports, uint32_t connections, Kind kind) : bed_{ports, connections, only(kind)} {}

    void prepare() {
        for (uint32_t i = 0; i < kBursts; ++i) {
            bursts_[i].clear();
            for (uint32_t packet = 0; packet < kBurstSize; ++packet) {
                const uint8_t port = i % 2 == 0 ? kInside : kOutside;
                uint8_t* bytes = bytes_[i][packet].data();
                const uint32_t length = bed_.traffic(port, bytes);
                bursts_[i].add({.buffer = bytes, .data = bytes, .length = length, .port = port});
            }
            parse(bursts_[i], shard(), bed_.device.runtime());
        }
        now_ = bed_.device.clock().now();
        next_ = 0;
        steer(bursts_[0], shard());
    }
    uint32_t turn() noexcept {
        Burst& burst = bursts_[next_++];
        if (next_ != kBursts) steer(bursts_[next_], shard());
        look_up(burst, shard());
        track(burst, shard(), bed_.device.runtime(), now_);
        return kBurstSize;
    }
    void finish() {
        for (Burst& burst : bursts_) {
            for (const Packet& packet : burst)
                CHECK(packet.ct_class == CtClass::Established);
        }
    }

  private:
    Shard& shard() noexcept { return bed_.device.worker().shard(); }

    EstablishedBed bed_;
    std::array<Burst, kBursts> bursts_{};
    std::array<std::array<std::array<uint8_t, 128>, kBurstSize>, kBursts> bytes_{};
    Instant now_{};
    uint32_t next_ = 0;
};

/// What all of the below get: which connection each packet belongs to.
class Order {
  public:
    explicit Order(uint32_t connections) : order_{connections, only(Kind::UdpIpv4)} {}
    void next(std::array<uint32_t, kBurstSize>& burst) {
        for (uint32_t& connection : burst)
            connection = order_.shuffle(sent_++ & (order_.connections() - 1), true);
    }

  private:
    Established order_;
    uint32_t sent_ = 0;
};

/// What memory costs in any case: a bucket's line, which names an entry, and the entry's, which is
/// written; of TCP two of the entry's. Six entries to a bucket and 128 bytes to an entry, as in
/// Ravelin's own table. Without buckets: one line of an entry that is known, the least there is.
template <bool kBuckets, uint32_t kOfEntry>
class Lines {
  public:
    explicit Lines(uint32_t connections)
        : order_{connections}, buckets_{connections / 6 + 1}, entries_{connections} {
        const Established permutation{connections, only(Kind::UdpIpv4)};
        for (uint32_t i = 0; i < connections; ++i)
            buckets_[i / 6].entry[i % 6] = permutation.shuffle(i, false);
    }
    void prepare() {
        for (auto& burst : bursts_)
            order_.next(burst);
        next_ = 0;
        prefetch(bursts_[0]);
    }
    uint32_t turn() noexcept {
        const auto& burst = bursts_[next_++];
        if (next_ != kBursts) prefetch(bursts_[next_]);
        if constexpr (!kBuckets) {
            write(burst);
            return kBurstSize;
        }
        std::array<uint32_t, kBurstSize> index;
        for (uint32_t i = 0; i < kBurstSize; ++i) {
            index[i] = buckets_[burst[i] / 6].entry[burst[i] % 6];
            for (uint32_t line = 0; line < kOfEntry; ++line)
                __builtin_prefetch(&entries_[index[i]].lines[line], 1);
        }
        write(index);
        return kBurstSize;
    }
    void finish() {}

  private:
    struct alignas(64) Bucket {
        std::array<uint32_t, 6> entry{};
    };
    struct alignas(64) Line {
        uint64_t packets = 0;
    };
    struct alignas(128) Entry {
        std::array<Line, 2> lines{};
    };
    void prefetch(const std::array<uint32_t, kBurstSize>& burst) const noexcept {
        for (const uint32_t connection : burst) {
            if constexpr (kBuckets)
                __builtin_prefetch(&buckets_[connection / 6]);
            else
                __builtin_prefetch(&entries_[connection], 1);
        }
    }
    void write(const std::array<uint32_t, kBurstSize>& index) noexcept {
        for (const uint32_t i : index) {
            for (uint32_t line = 0; line < kOfEntry; ++line)
                ++entries_[i].lines[line].packets;
        }
    }

    Order order_;
    PageArray<Bucket> buckets_;
    PageArray<Entry> entries_;
    std::array<std::array<uint32_t, kBurstSize>, kBursts> bursts_{};
    uint32_t next_ = 0;
};

/// rte_hash, whose keys are given; per packet it only counts and notes the time.
class RteHash {
  public:
    RteHash(uint32_t connections, bool timers)
        : timers_{timers}, order_{connections}, entries_{connections} {
        rte_hash_parameters parameters{};
        parameters.name = timers ? "timers" : "lazy";
        parameters.entries = connections + connections / 8;
        parameters.key_len = sizeof(Key);
        parameters.hash_func = rte_hash_crc;
        hash_ = rte_hash_create(&parameters);
        CHECK(hash_ != nullptr);
        for (uint32_t i = 0; i < connections; ++i) {
            const Key key = key_of(i);
            CHECK(rte_hash_add_key_data(hash_, &key, &entries_[i]) == 0);
            if (!timers) continue;
            rte_timer_init(&entries_[i].timer);
            reset(entries_[i]);
        }
    }
    void prepare() {
        std::array<uint32_t, kBurstSize> connections{};
        for (auto& burst : keys_) {
            order_.next(connections);
            for (uint32_t i = 0; i < kBurstSize; ++i)
                burst[i] = key_of(connections[i]);
        }
        next_ = 0;
    }
    uint32_t turn() noexcept {
        const auto& keys = keys_[next_++];
        std::array<void*, kBurstSize> found;
        if (timers_) {
            for (const Key& key : keys) {
                CHECK(rte_hash_lookup_data(hash_, &key, &found[0]) >= 0);
                auto& entry = *static_cast<Entry*>(found[0]);
                ++entry.packets;
                reset(entry);
            }
            return kBurstSize;
        }
        std::array<const void*, kBurstSize> wanted;
        for (uint32_t i = 0; i < kBurstSize; ++i)
            wanted[i] = &keys[i];
        uint64_t hits = 0;
        CHECK(rte_hash_lookup_bulk_data(hash_, wanted.data(), kBurstSize, &hits, found.data()) ==
              static_cast<int>(kBurstSize));
        for (void* entry : found)
            __builtin_prefetch(entry, 1);
        for (void* place : found) {
            auto& entry = *static_cast<Entry*>(place);
            ++entry.packets;
            entry.last_seen = next_;
        }
        return kBurstSize;
    }
    void finish() {}

  private:
    /// A length that rte_hash compares by its fast function.
    struct Key {
        uint32_t source, destination;
        uint32_t ports;
        uint32_t protocol;
    };
    struct alignas(128) Entry {
        uint64_t packets = 0;
        uint64_t last_seen = 0;
        rte_timer timer{};
    };
    static Key key_of(uint32_t connection) noexcept {
        return {.source = 0x0a000000 | connection,
                .destination = 0xc0000214,
                .ports = 32768 + connection % 16384,
                .protocol = 17};
    }
    static void reset(Entry& entry) noexcept {
        CHECK(rte_timer_reset(
                  &entry.timer, 180 * rte_get_tsc_hz(), SINGLE, rte_lcore_id(),
                  [](rte_timer*, void*) {}, nullptr) == 0);
    }

    bool timers_;
    Order order_;
    PageArray<Entry> entries_;
    rte_hash* hash_ = nullptr;
    std::array<std::array<Key, kBurstSize>, kBursts> keys_{};
    uint32_t next_ = 0;
};

template <class Bench, class... Arguments>
void add(Keep& keep, const char* name, Arguments&&... arguments) {
    auto bench = std::make_shared<Bench>(std::forward<Arguments>(arguments)...);
    keep.push_back(bench);
    measure(name, {.prepare = [bench] { bench->prepare(); },
                   .turn = [bench] { return bench->turn(); },
                   .finish = [bench] { bench->finish(); },
                   .per_batch = kBursts,
                   .batches = 96});
}

}  // namespace

void add_stages(Keep& keep, Ports& ports, uint32_t connections, bool timers) {
    add<Stage>(keep, "stage_udp4", ports, connections, Kind::UdpIpv4);
    add<Stage>(keep, "stage_tcp4", ports, connections, Kind::TcpIpv4);
    add<Stage>(keep, "stage_udp6", ports, connections, Kind::UdpIpv6);
    add<Lines<false, 1>>(keep, "one_line", connections);
    add<Lines<true, 1>>(keep, "two_lines", connections);
    add<Lines<true, 1>>(keep, "two_lines_again", connections);
    add<Lines<true, 2>>(keep, "three_lines", connections);
    add<RteHash>(keep, "rte_hash_lazy", connections, false);
    if (!timers) return;
    CHECK(rte_timer_subsystem_init() == 0);
    add<RteHash>(keep, "rte_hash_timer", connections, true);
}

}  // namespace ravelin::bench
