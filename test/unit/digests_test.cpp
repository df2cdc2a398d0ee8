// digests_test.cpp - lists of digests.
#include "core/bundle/digests.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgx {
namespace {

std::string hex(std::size_t bytes) { return std::string(2 * bytes, 'a'); }

TEST(DigestsTest, Read) {
    const auto digests = parse_digests("SHA256 (b) = " + hex(32) + "\nSHA512 (./a (1)/x) = " +
                                       std::string(128, 'A') + "\r\n\nSHA384 (c) = " + hex(48));
    ASSERT_TRUE(digests) << digests.error().detail;
    EXPECT_EQ(*digests, (Digests{{"a (1)/x", {DigestAlgorithm::sha512, hex(64)}},
                                 {"b", {DigestAlgorithm::sha256, hex(32)}},
                                 {"c", {DigestAlgorithm::sha384, hex(48)}}}));
    EXPECT_EQ(*parse_digests(write_digests(*digests)), *digests);
    EXPECT_TRUE(parse_digests("")->empty());
}

TEST(DigestsTest, Written) {
    EXPECT_EQ(write_digests(
                  {{"b", {DigestAlgorithm::sha256, "00"}}, {"a", {DigestAlgorithm::sha384, "11"}}}),
              "SHA384 (a) = 11\nSHA256 (b) = 00\n");
}

TEST(DigestsTest, Refused) {
    const std::string good = "SHA256 (a) = " + hex(32) + "\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        {good + "x", "Line 2 is not of the form"},
        {hex(32) + "  a", "is not of the form"},
        {"SHA256 a = " + hex(32), "is not of the form"},
        {"SHA256(a)= " + hex(32), "is not of the form"},
        {"SHA256 () = ", "which cannot be"},
        {"MD5 (a) = " + hex(16), "\"MD5\""},
        {"SHA1 (a) = " + hex(20), "\"SHA1\""},
        {"SHA224 (a) = " + hex(28), "\"SHA224\""},
        {"sha256 (a) = " + hex(32), "\"sha256\""},
        {"\\SHA256 (a\\nb) = " + hex(32), "SHA256"},
        {"SHA256 (a) = " + hex(31), "wrong length"},
        {"SHA256 (a) = " + hex(33), "wrong length"},
        {"SHA512 (a) = " + hex(32), "wrong length"},
        {"SHA256 (a) = " + hex(31) + "zz", "wrong length"},
        {"SHA256 (a) = " + hex(32) + " ", "wrong length"},
        {"SHA256 (../a) = " + hex(32), "which cannot be"},
        {"SHA256 (/a) = " + hex(32), "which cannot be"},
        {"SHA256 (a//b) = " + hex(32), "which cannot be"},
        {"SHA256 (.) = " + hex(32), "which cannot be"},
        {"SHA256 (digests) = " + hex(32), "which cannot be"},
        {good + good, "Line 2 names a file that"},
        {good + "SHA512 (./a) = " + hex(64), "names a file that"},
    };
    for (const auto &[text, reason] : cases) {
        const auto digests = parse_digests(text);
        ASSERT_FALSE(digests) << text;
        EXPECT_EQ(digests.error().code, ErrorCode::artifact_malformed);
        EXPECT_NE(digests.error().detail.find(reason), std::string::npos)
            << text << digests.error().detail;
    }
}

TEST(DigestsTest, Computed) {
    // FIPS 180-4's example "abc".
    const std::vector<std::pair<DigestAlgorithm, std::string>> cases{
        {DigestAlgorithm::sha256,
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {DigestAlgorithm::sha384,
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca13"
         "4"
         "c825a7"},
        {DigestAlgorithm::sha512,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a"
         "3"
         "feebbd454d4423643ce80e2a9ac94fa54ca49f"}};
    for (const auto &[algorithm, expected] : cases) {
        DigestComputation computation(algorithm);
        computation.update("a");
        computation.update("");
        computation.update("bc");
        const auto digest = computation.finish();
        ASSERT_TRUE(digest);
        EXPECT_EQ(*digest, (Digest{algorithm, expected}));
        EXPECT_FALSE(computation.finish());
    }
}

}  // namespace
}  // namespace pgx
