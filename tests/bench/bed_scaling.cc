// SPDX-License-Identifier: BSD-3-Clause
// Two workers against one. What a worker transmits, it receives again, so that the packets of a
// wire go round for ever and no generator needs a CPU.
#include "base/check.h"
#include "bench/bed.h"

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <array>
#include <atomic>
#include <initializer_list>
#include <thread>

namespace ravelin::bench {

namespace {

constexpr uint32_t kWorkers = 2;
constexpr double kSeconds = 0.25;
constexpr uint32_t kHandoffRing = 2047;  // as shipped

/// A wire whose packets go round: what leaves at one end comes in at the other.
class Circle {
  public:
    Circle(rte_mempool* pool, const std::string& name, uint32_t frames) : pool_{pool} {
        const auto ring = [&](const char* side) {
            rte_ring* made = rte_ring_create((name + side).c_str(), rte_align32pow2(2 * frames + 2),
                                             SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
            CHECK(made != nullptr);
            return made;
        };
        rings_ = {ring("-o"), ring("-i")};
        for (uint8_t port = 0; port < 2; ++port) {
            // A frame that came in from outside leaves through the inside port, and is outside
            // again.
            const int device = rte_eth_from_rings((name + std::to_string(port)).c_str(),
                                                  &rings_[port], 1, &rings_[1 - port], 1, 0);
            CHECK(device >= 0);
            devices_[port] = static_cast<uint16_t>(device);
            const rte_eth_conf none{};
            CHECK(rte_eth_dev_configure(devices_[port], 1, 1, &none) == 0);
            CHECK(rte_eth_rx_queue_setup(devices_[port], 0, 1024, 0, nullptr, pool) == 0);
            CHECK(rte_eth_tx_queue_setup(devices_[port], 0, 1024, 0, nullptr) == 0);
            CHECK(rte_eth_dev_start(devices_[port]) == 0);
        }
    }
    void add(uint8_t port, const Place& place) {
        rte_mbuf* buffer = rte_pktmbuf_alloc(pool_);
        CHECK(buffer != nullptr);
        std::array<uint8_t, 128> bytes{};
        const uint32_t length = write_frame(bytes.data(), place, {});
        char* data = rte_pktmbuf_append(buffer, static_cast<uint16_t>(length));
        std::memcpy(data, bytes.data(), length);
        CHECK(rte_ring_enqueue(rings_[port], buffer) == 0);
    }
    [[nodiscard]] const std::array<uint16_t, 2>& devices() const noexcept { return devices_; }

  private:
    rte_mempool* pool_;
    std::array<rte_ring*, 2> rings_{};
    std::array<uint16_t, 2> devices_{};
};

/// Who polls the ports.
enum class Ways : uint8_t {
    Each,   ///< each worker has a queue of its own, as with RSS
    First,  ///< the first worker, which hands over what isn't its own, and transmits all
};

/// Workers with their circles.
class Team {
  public:
    Team(rte_mempool* pool, const std::string& name, uint32_t workers, Ways ways,
         uint32_t connections)
        : indirection_{workers}, quiescence_{workers}, mesh_{workers, kHandoffRing} {
        topology_.port_count = 2;
        topology_.worker_count = workers;
        topology_.ports[kOutside] = {.peer = kInside, .wire = 0, .inside = false};
        topology_.ports[kInside] = {.peer = kOutside, .wire = 0, .inside = true};
        const uint32_t polling = ways == Ways::Each ? workers : 1;
        for (uint32_t i = 0; i < workers; ++i) {
            for (const uint8_t port : {kOutside, kInside})
                topology_.transmitter[port].push_back(
                    static_cast<uint8_t>(ways == Ways::Each ? i : 0));
        }
        for (uint32_t i = 0; i < polling; ++i)
            circles_.push_back(
                std::make_unique<Circle>(pool, name + std::to_string(i), connections));
        for (uint32_t i = 0; i < workers; ++i)
            add_worker(i, i < polling ? circles_[i].get() : nullptr, connections);
        open_all(connections);
    }
    ~Team() {
        for (uint32_t i = 0; i < workers_.size(); ++i)
            quiescence_.leave(i);
    }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    [[nodiscard]] uint32_t size() const noexcept { return static_cast<uint32_t>(workers_.size()); }
    /// A turn of one worker. It polls only while the others' rings have room for what would come,
    /// since they may be slower, or the machine keep their CPU: what is lost doesn't go round
    /// again.
    void turn(uint32_t worker) const noexcept {
        const WorkerCounters& counters = links_[worker]->counters;
        const uint64_t back = counters.handed_in.value();
        workers_[worker]->run_once(counters.handed_off.value() <= back + kOnTheirWay);
    }
    void check_that_none_is_lost() const {
        for (const auto& link : links_) {
            for (const PacketsBytes& reason : link->counters.dropped)
                CHECK(reason.packets.value() == 0);
        }
    }
    [[nodiscard]] uint64_t forwarded() const noexcept {
        uint64_t sum = 0;
        for (const auto& link : links_) {
            for (const PacketsBytes& port : link->counters.transmitted)
                sum += port.packets.value();
        }
        return sum;
    }

  private:
    /// Of packets that were handed over and aren't back yet, before a poll of both ports.
    static constexpr uint64_t kOnTheirWay = kHandoffRing - 3 * uint64_t{kBurstSize};

    void add_worker(uint32_t index, const Circle* circle, uint32_t connections) {
        links_.push_back(std::make_unique<WorkerLink>());
        links_.back()->capacity = connections + connections / 8;
        clocks_.push_back(std::make_unique<StepClock>());
        std::vector<PortIo::ReceiveQueue> receive;
        std::array<PortIo::TransmitQueue, kMaxPorts> transmit{};
        for (uint8_t port = 0; circle != nullptr && port < 2; ++port) {
            receive.push_back({.device = circle->devices()[port], .queue = 0, .port = port});
            transmit[port].device = circle->devices()[port];
        }
        ios_.push_back(std::make_unique<PortIo>(std::move(receive), transmit));
        quiescence_.enter(index);
        workers_.push_back(std::make_unique<Worker<PortIo, StepClock>>(
            WorkerParts{static_cast<uint8_t>(index), topology_, indirection_, runtime_, quiescence_,
                        mesh_, *links_.back(), HashSecret{1, 2, 3}},
            *ios_.back(), *clocks_.back()));
    }
    /// Each connection gets one frame of its client, and when that has opened it one of its server.
    void open_all(uint32_t connections) {
        const SteeringHash steering;
        for (const bool from_client : {true, false}) {
            // The frames of a circle lie together.
            for (size_t number = 0; number < circles_.size(); ++number) {
                for (uint32_t i = 0; i < connections; ++i) {
                    const Place place{Kind::UdpIpv4, i, from_client};
                    std::array<uint8_t, 128> bytes{};
                    write_frame(bytes.data(), place, {});
                    const uint8_t owner = indirection_.owner(
                        steering.ipv4(checksum_detail::load64(bytes.data() + kIp + 12)));
                    if (circles_.size() == 1 || owner == number)
                        circles_[number]->add(from_client ? kInside : kOutside, place);
                }
            }
            // Three times round, so that all are ASSURED in the end.
            for (uint32_t turns = 0; turns < 3 * connections / kBurstSize + 64; ++turns) {
                for (uint32_t i = 0; i < size(); ++i)
                    turn(i);
            }
        }
        check_that_none_is_lost();
    }

    Topology topology_;
    Indirection indirection_;
    Quiescence quiescence_;
    HandoffMesh mesh_;
    Published<Runtime> runtime_{std::make_unique<const Runtime>(open_from_inside())};
    std::vector<std::unique_ptr<Circle>> circles_;
    std::vector<std::unique_ptr<WorkerLink>> links_;
    std::vector<std::unique_ptr<StepClock>> clocks_;
    std::vector<std::unique_ptr<PortIo>> ios_;
    std::vector<std::unique_ptr<Worker<PortIo, StepClock>>> workers_;
};

/// Ticks per packet of all these workers together, each on a CPU of its own.
double measure_teams(std::initializer_list<const Team*> teams) {
    std::vector<std::pair<const Team*, uint32_t>> workers;
    const auto forwarded = [&] {
        uint64_t sum = 0;
        for (const Team* team : teams)
            sum += team->forwarded();
        return sum;
    };
    for (const Team* team : teams) {
        for (uint32_t i = 0; i < team->size(); ++i)
            workers.emplace_back(team, i);
    }
    std::atomic<uint32_t> ready{0};
    const uint64_t before = forwarded();
    std::vector<std::thread> threads;
    const auto span = static_cast<uint64_t>(kSeconds * static_cast<double>(rte_get_tsc_hz()));
    std::atomic<uint64_t> longest{0};
    for (uint32_t i = 0; i < workers.size(); ++i) {
        threads.emplace_back([&, i] {
            stay_on(i);
            ++ready;
            while (ready != workers.size()) {
            }
            const uint64_t begin = rte_rdtsc();
            uint64_t took = 0;
            for (; took < span; took = rte_rdtsc() - begin) {
                for (int turn = 0; turn < 16; ++turn)
                    workers[i].first->turn(workers[i].second);
            }
            for (uint64_t seen = longest; seen < took;)
                longest.compare_exchange_weak(seen, took);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    for (const Team* team : teams)
        team->check_that_none_is_lost();
    return static_cast<double>(longest) / static_cast<double>(forwarded() - before);
}

}  // namespace

void measure_scaling(uint32_t connections, int blocks) {
    constexpr uint32_t kRoom = 256;  // for a frame and its headroom
    rte_mempool* pool =
        rte_pktmbuf_pool_create("circles", 12 * connections, 0, 0, kRoom, SOCKET_ID_ANY);
    CHECK(pool != nullptr);
    const Team one{pool, "one", 1, Ways::Each, connections};
    // What the machine's two CPUs do beside each other: they share no line of memory.
    const Team left{pool, "left", 1, Ways::Each, connections / 2};
    const Team right{pool, "right", 1, Ways::Each, connections / 2};
    const Team two{pool, "two", kWorkers, Ways::Each, connections};
    const Team handed{pool, "handed", kWorkers, Ways::First, connections};
    Samples samples;
    for (int block = 0; block < blocks; ++block) {
        samples["one_worker"].push_back({measure_teams({&one})});
        samples["two_workers"].push_back({measure_teams({&two})});
        samples["two_apart"].push_back({measure_teams({&left, &right})});
        samples["two_by_one_queue"].push_back({measure_teams({&handed})});
        samples["one_worker_again"].push_back({measure_teams({&one})});
    }
    print_samples("scaling", connections, samples);
}

}  // namespace ravelin::bench
