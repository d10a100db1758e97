// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "spec/spec_icmp.h"
#include "spec/spec_tcp.h"
#include "spec/spec_udp.h"
#include "spec/walk.h"

#include <memory>

namespace ravelin::spec {

/// Two TCP hosts: who sends x what kind of segment x how its sequence number stands.
class TcpWorld {
  public:
    /// What doesn't change on a walk.
    struct Setup {
        std::string name;
        std::array<uint32_t, 2> initial{};  ///< sequence numbers, by Side
        uint32_t ahead = 100;               ///< how far past the next number "ahead" is
        uint16_t window = 1000;
        std::optional<uint8_t> scale{};  ///< both sides offer it
    };

    TcpWorld(const Device& device, Profile profile, const Setup& setup);

    /// 2 sides x {S, SA, FA, A, RA, no flag} x {next, ahead, far}.
    static constexpr size_t symbols() { return size_t{2} * 6 * 3; }
    Step step(size_t symbol);
    static std::string text(size_t symbol, const Step& step);

  private:
    /// One frame for each side, kind and payload; shared by all copies of this world.
    struct Frames {
        std::array<std::array<std::array<Frame, 2>, 6>, 2> of{};
    };

    const Setup* setup_;
    std::shared_ptr<Frames> frames_;
    TcpSpec spec_;
    Time now_{};
    std::array<uint32_t, 2> next_;  ///< by Side: past the highest number that it has sent
};

/// Two UDP ports, the ICMP errors that quote them or another port, and time.
class UdpWorld {
  public:
    UdpWorld(const Device& device, Profile profile);
    static constexpr size_t symbols() { return 11; }
    Step step(size_t symbol);
    static std::string text(size_t symbol, const Step& step);

  private:
    std::shared_ptr<std::vector<Frame>> frames_;
    UdpSpec spec_;
    Time now_{};
};

/// Two hosts that ask each other, what they answer, the errors about it, and time.
class IcmpWorld {
  public:
    IcmpWorld(const Device& device, Profile profile);
    static constexpr size_t symbols() { return 14; }
    Step step(size_t symbol);
    static std::string text(size_t symbol, const Step& step);

  private:
    std::shared_ptr<std::vector<Frame>> frames_;
    IcmpSpec spec_;
    Time now_{};
};

}  // namespace ravelin::spec
