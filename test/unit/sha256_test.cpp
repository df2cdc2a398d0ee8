// sha256_test.cpp - against the vectors of FIPS 180-4.
#include "core/registry/sha256.h"

#include <gtest/gtest.h>

namespace pgx {
namespace {

TEST(Sha256, KnownDigests) {
    const std::pair<std::string, const char *> cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {std::string(1000000, 'a'),
         "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (const auto &[text, hex] : cases) {
        Sha256 whole;
        whole.update(text);
        EXPECT_EQ(whole.finish().value(), hex);
        Sha256 pieces;
        for (std::size_t at = 0; at < text.size(); at += 777)
            pieces.update(std::string_view(text).substr(at, 777));
        EXPECT_EQ(pieces.finish().value(), hex);
    }
}

TEST(Sha256, IsFinishedOnce) {
    Sha256 digest;
    EXPECT_TRUE(digest.finish());
    EXPECT_FALSE(digest.finish());
}

}  // namespace
}  // namespace pgx
