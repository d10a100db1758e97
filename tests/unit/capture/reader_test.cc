// SPDX-License-Identifier: BSD-3-Clause
#include "capture/reader.h"

#include "capture/writer.h"
#include "unit/capture/capture_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::Recorded;
using testing::ScratchDirectory;
using ::testing::StartsWith;

constexpr int64_t kStart = 1'700'000'000'000'000'000;

std::vector<Recorded> read_all(const std::string& path) {
    auto reader = CaptureReader::open(path);
    EXPECT_TRUE(reader.has_value()) << reader.error().message;
    std::vector<Recorded> frames;
    while (const auto frame = reader->next()) {
        frames.push_back({frame->nanoseconds, Bytes{frame->bytes.begin(), frame->bytes.end()},
                          frame->wire_length});
    }
    EXPECT_EQ(reader->problem(), "");
    return frames;
}

void expect_same(const std::vector<Recorded>& got, const std::vector<Recorded>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].nanoseconds, expected[i].nanoseconds);
        EXPECT_EQ(got[i].bytes, expected[i].bytes);
        EXPECT_EQ(got[i].wire_length, expected[i].wire_length);
    }
}

TEST(CaptureReader, reads_pcap_in_micro_and_nanoseconds_and_pcapng) {
    const ScratchDirectory scratch;
    const std::vector<Recorded> whole = {{kStart + 1000, Bytes(60, 1), 60},
                                         {kStart + 2000, Bytes(1514, 2), 1514}};
    const std::vector<Recorded> fine = {{kStart + 1, Bytes(60, 1), 60},
                                        {kStart + 999'999'999, Bytes(14, 2), 14}};
    testing::write_pcap(scratch.file("micro.pcap"), whole);
    testing::write_pcap(scratch.file("nano.pcap"), fine, true);
    testing::write_pcapng(scratch.file("new.pcapng"), fine);
    expect_same(read_all(scratch.file("micro.pcap")), whole);
    expect_same(read_all(scratch.file("nano.pcap")), fine);
    expect_same(read_all(scratch.file("new.pcapng")), fine);
}

TEST(CaptureReader, keeps_the_length_on_the_wire_of_a_packet_that_was_cut) {
    const ScratchDirectory scratch;
    const std::vector<Recorded> frames = {{kStart, Bytes(96, 7), 1500}};
    testing::write_pcap(scratch.file("cut.pcap"), frames);
    testing::write_pcapng(scratch.file("cut.pcapng"), frames);
    expect_same(read_all(scratch.file("cut.pcap")), frames);
    expect_same(read_all(scratch.file("cut.pcapng")), frames);
}

TEST(CaptureReader, reads_a_capture_without_packets) {
    const ScratchDirectory scratch;
    testing::write_pcap(scratch.file("empty.pcap"), {});
    expect_same(read_all(scratch.file("empty.pcap")), {});
}

TEST(CaptureReader, refuses_every_link_type_but_ethernet_and_says_which_it_is) {
    const ScratchDirectory scratch;
    const std::string path = scratch.file("other");
    testing::write_pcap(path, {}, false, DLT_RAW);
    EXPECT_EQ(CaptureReader::open(path).error().message,
              path +
                  ": link type is Raw IP, not Ethernet; capture on an Ethernet interface "
                  "(not `-i any`)");
    testing::write_pcap(path, {}, false, DLT_LINUX_SLL);
    EXPECT_THAT(CaptureReader::open(path).error().message, HasSubstr("Linux cooked"));
    testing::write_pcapng(path, {{kStart, Bytes(20), 20}}, DLT_NULL);
    EXPECT_THAT(CaptureReader::open(path).error().message, HasSubstr("not Ethernet"));
}

TEST(CaptureReader, says_what_is_wrong_with_a_file_and_which_one_it_is) {
    const ScratchDirectory scratch;
    const std::string missing = scratch.file("missing.pcap");
    EXPECT_EQ(CaptureReader::open(missing).error().message,
              missing + ": No such file or directory");
    const std::string text = scratch.file("text.pcap");
    std::ofstream{text} << "this is no capture at all, but long enough to have a header";
    EXPECT_THAT(CaptureReader::open(text).error().message, StartsWith(text + ": "));
    const std::string empty = scratch.file("nothing.pcap");
    std::ofstream{empty}.flush();
    EXPECT_THAT(CaptureReader::open(empty).error().message, StartsWith(empty + ": "));
}

TEST(CaptureReader, reads_what_is_whole_of_a_file_that_is_cut_off_and_says_so) {
    const ScratchDirectory scratch;
    const std::string path = scratch.file("cut.pcap");
    testing::write_pcap(path, {{kStart, Bytes(60), 60}, {kStart + 1000, Bytes(60), 60}});
    const auto size = std::filesystem::file_size(path);
    for (const uintmax_t lost : {1U, 59U, 61U, 75U}) {
        std::filesystem::resize_file(path, size - lost);
        auto reader = CaptureReader::open(path);
        ASSERT_TRUE(reader.has_value());
        EXPECT_TRUE(reader->next().has_value());
        EXPECT_FALSE(reader->next().has_value());
        EXPECT_THAT(reader->problem(), StartsWith(path + ": unreadable after packet 1: "));
        EXPECT_FALSE(reader->next().has_value()) << "the end stays the end";
    }
}

TEST(CaptureReader, survives_time_stamps_that_no_clock_has) {
    const ScratchDirectory scratch;
    testing::write_pcapng(scratch.file("odd.pcapng"),
                          {{INT64_MAX, Bytes(60), 60}, {-1, Bytes(60), 60}});
    auto reader = CaptureReader::open(scratch.file("odd.pcapng"));
    ASSERT_TRUE(reader.has_value());
    while (const auto frame = reader->next())
        EXPECT_GE(frame->nanoseconds, 0);
}

// Found by replay_fuzz: a negative time, from a fraction of a second that was none.
TEST(CaptureReader, keeps_a_fraction_that_is_none_within_its_second) {
    const ScratchDirectory scratch;
    const std::string path = scratch.file("fraction.pcap");
    for (const uint32_t fraction : {1'000'000U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
        testing::write_pcap(path, {{kStart, Bytes(60), 60}});
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(24 + 4);  // behind the file's header and the seconds
        file.write(reinterpret_cast<const char*>(&fraction), sizeof fraction);
        file.close();
        auto reader = CaptureReader::open(path);
        ASSERT_TRUE(reader.has_value());
        const auto frame = reader->next();
        ASSERT_TRUE(frame.has_value());
        EXPECT_GE(frame->nanoseconds, kStart) << fraction;
        EXPECT_LT(frame->nanoseconds, kStart + 1'000'000'000) << fraction;
    }
}

TEST(CaptureWriter, writes_what_the_reader_reads_back) {
    const ScratchDirectory scratch;
    const std::vector<Recorded> frames = {{kStart + 1, Bytes(60, 1), 60},
                                          {kStart + 123'456'789, Bytes(96, 2), 1500}};
    auto writer = CaptureWriter::create(scratch.file("out.pcap"));
    ASSERT_TRUE(writer.has_value());
    for (const Recorded& frame : frames)
        writer->write({frame.nanoseconds, frame.wire_length, frame.bytes});
    ASSERT_TRUE(writer->close().has_value());
    expect_same(read_all(scratch.file("out.pcap")), frames);
}

TEST(CaptureWriter, says_why_it_can_not_write) {
    EXPECT_EQ(CaptureWriter::create("/nonexistent/out.pcap").error().message,
              "/nonexistent/out.pcap: No such file or directory");
    auto full = CaptureWriter::create("/dev/full");
    ASSERT_TRUE(full.has_value());
    full->write({kStart, 60, Bytes(60)});
    EXPECT_EQ(full->close().error().message, "/dev/full: No space left on device");
}

}  // namespace
}  // namespace ravelin
