// artifact_cache_test.cpp - what is used of an artifact is what was hashed, whatever others do to
// the cache meanwhile.
//
// An attack is tried at every call of the file system that a job makes: each time the whole job
// runs anew, and before the N-th call all files of the cache become others, by rename or by writing
// into them. The job may fail, or fetch the artifact anew; it may not end with another content.
#include "core/registry/artifact_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "apt_test_support.h"
#include "bundle_builder.h"
#include "core/library/library_package.h"
#include "core/registry/apt_cache.h"
#include "core/registry/apt_libraries.h"
#include "core/registry/apt_registry.h"
#include "core/registry/pgx_registry.h"
#include "deb_builder.h"
#include "faulty_file_system.h"
#include "silent_reporter.h"
#include "temporary_directory.h"

namespace pgx {
namespace {

class ArtifactCacheTest : public ::testing::Test {
   protected:
    ArtifactCacheTest() {
        artifact_.package = "thing";
        artifact_.version = "1.0.0";
        artifact_.registry = "ours";
        platform_ = host_platform();
        platform_.postgres_major = 18;
        std::filesystem::create_directories(directory_ / "cache");
    }

    // The artifact is this; the registry has it.
    void offer(const std::string &bytes, const std::string &ending) {
        good_ = bytes;
        artifact_.sha256 = sha256_of(bytes).value();
        artifact_.size = bytes.size();
        artifact_.url = "file://" + directory_.put("registry/thing" + ending, bytes);
        artifact_.source = "file://" + (directory_ / "registry");
    }
    std::string kept() const { return directory_ / ("cache/artifacts/" + artifact_.sha256); }
    void fill_cache(const std::string &bytes) const {
        std::filesystem::remove_all(directory_ / "cache/artifacts");
        directory_.put("cache/artifacts/" + artifact_.sha256, bytes);
    }
    std::string staging() const {
        std::filesystem::remove_all(directory_ / "staging");
        std::filesystem::create_directories(directory_ / "staging");
        return directory_ / "staging";
    }
    FetchRequest request() const {
        FetchRequest request;
        request.artifacts = {artifact_};
        request.platform = platform_;
        request.cache = directory_ / "cache";
        request.staging = staging();
        return request;
    }
    // Copies the offered file as a download would.
    ArtifactFiles::Get copying() {
        return [this](const std::vector<Download> &downloads) -> Result<void> {
            for (const Download &one : downloads) {
                ++downloads_;
                std::ofstream(one.path, std::ios::binary) << good_;
            }
            return {};
        };
    }

    void attack_cache(bool by_rename) const {
        std::vector<std::string> files{kept()};
        for (const auto &entry :
             std::filesystem::directory_iterator(directory_ / "cache/artifacts"))
            files.push_back(entry.path().string());
        for (const std::string &file : files) {
            if (by_rename)
                std::filesystem::rename(directory_.put("cache/evil", evil_), file);
            else
                std::ofstream(file, std::ios::binary) << evil_;
        }
    }

    // `job` gives the content that it ends with; of the original it has to be `expected`.
    void attack(const std::function<Result<std::string>(FileSystem &)> &job,
                const std::string &expected) {
        for (const bool in_cache : {true, false})
            for (const bool by_rename : {true, false}) {
                SCOPED_TRACE(std::string(in_cache ? "cached, " : "to be fetched, ") +
                             (by_rename ? "renamed" : "written"));
                int succeeded = 0;
                for (std::size_t n = 1;; ++n) {
                    fill_cache(good_);
                    if (!in_cache) std::filesystem::remove(kept());
                    std::size_t calls = 0;
                    FaultyFileSystem fs(real_file_system());
                    fs.on_call([&](std::string_view, const std::string &) {
                        if (++calls == n) attack_cache(by_rename);
                        return 0;
                    });
                    const Result<std::string> content = job(fs);
                    if (content) {
                        ++succeeded;
                        ASSERT_EQ(*content, expected) << "attacked at call " << n;
                    }
                    if (calls < n) {
                        EXPECT_TRUE(content) << content.error().message << content.error().detail;
                        break;
                    }
                }
                EXPECT_GT(succeeded, 2);
            }
    }

    TemporaryDirectory directory_;
    Artifact artifact_;
    Platform platform_;
    std::string good_, evil_;
    int downloads_ = 0;
    SilentReporter reporter_;
};

std::string bundle(const std::string &comment, bool zip) {
    BundleBuilder builder = BundleBuilder::thing();
    builder.file("pgsql/share/extension/thing--1.0.sql", "-- " + comment + "\n");
    return zip ? builder.zip() : builder.finish();
}

std::string extension_deb(const std::string &comment) {
    const std::string base = "./usr/share/postgresql/18/extension/";
    return make_deb(TarBuilder()
                        .file(base + "thing.control", "default_version = '1.0'\n")
                        .file(base + "thing--1.0.sql", "-- " + comment + "\n")
                        .finish());
}

std::string library_deb(const std::string &content) {
    return make_deb(TarBuilder().file("./usr/lib/libthing.so.1", content).finish());
}

TEST_F(ArtifactCacheTest, IsFilledAndAsked) {
    offer("good", "");
    for (const int expected : {1, 1}) {
        {
            ArtifactFiles files(directory_ / "cache", directory_ / "own", 0, real_file_system());
            ASSERT_TRUE(files.provide({artifact_, artifact_}, copying()));
            ASSERT_TRUE(files.provide({artifact_}, copying()));
            EXPECT_EQ(directory_.get("own/" + artifact_.sha256), "good");
        }
        EXPECT_EQ(downloads_, expected);
        EXPECT_EQ(directory_.get("cache/artifacts/" + artifact_.sha256), "good");
        EXPECT_FALSE(std::filesystem::exists(directory_ / "own"));
    }
}

TEST_F(ArtifactCacheTest, WhatIsSomethingElseIsFetchedAnew) {
    offer("good", "");
    for (const char *bytes : {"evil", "bad", "good and more"}) {
        fill_cache(bytes);
        downloads_ = 0;
        ArtifactFiles files(directory_ / "cache", directory_ / "own", 0, real_file_system());
        ASSERT_TRUE(files.provide({artifact_}, copying())) << bytes;
        EXPECT_EQ(downloads_, 1) << bytes;
        EXPECT_EQ(directory_.get("own/" + artifact_.sha256), "good") << bytes;
    }
    std::filesystem::remove(kept());
    std::filesystem::create_directories(kept() + "/x");
    ArtifactFiles files(directory_ / "cache", directory_ / "own", 0, real_file_system());
    EXPECT_TRUE(files.provide({artifact_}, copying()));
}

TEST_F(ArtifactCacheTest, AFailedDownloadLeavesNothing) {
    offer("good", "");
    {
        ArtifactFiles files(directory_ / "cache", directory_ / "own", 0, real_file_system());
        const auto result = files.provide({artifact_}, [&](const std::vector<Download> &downloads) {
            std::ofstream(downloads[0].path) << "go";
            return Result<void>(fail(ErrorCode::registry_unreachable, "no"));
        });
        EXPECT_FALSE(result);
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory_ / "cache/artifacts"));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "own"));
}

TEST_F(ArtifactCacheTest, AnyFaultIsAnErrorOrDoesNoHarm) {
    offer("good", "");
    for (const bool in_cache : {true, false})
        for (std::size_t n = 1;; ++n) {
            fill_cache("good");
            if (!in_cache) std::filesystem::remove(kept());
            std::filesystem::remove_all(directory_ / "own");
            FaultyFileSystem fs(real_file_system());
            fs.fail_at(n, EIO);
            {
                ArtifactFiles files(directory_ / "cache", directory_ / "own", 0, fs);
                if (files.provide({artifact_}, copying())) {
                    EXPECT_EQ(directory_.get("own/" + artifact_.sha256), "good");
                }
            }
            if (std::filesystem::exists(kept())) {
                EXPECT_EQ(directory_.get("cache/artifacts/" + artifact_.sha256), "good");
            }
            if (fs.calls() < n) break;
        }
}

TEST_F(ArtifactCacheTest, AttackedPackages) {
    offer(extension_deb("good"), ".deb");
    evil_ = extension_deb("evil");
    const AptHost host = test_host(directory_);
    attack(
        [&](FileSystem &fs) -> Result<std::string> {
            (void)TRY(AptRegistry(fs, host).fetch(request(), reporter_));
            return directory_.get("staging/thing/share/extension/thing--1.0.sql");
        },
        "-- good\n");
}

TEST_F(ArtifactCacheTest, AttackedLibraryPackages) {
    offer(library_deb("good"), ".deb");
    evil_ = library_deb("evil");
    ReceiptLibrary package;
    package.package = artifact_.package;
    package.version = artifact_.version;
    package.url = artifact_.url;
    package.sha256 = artifact_.sha256;
    package.size = artifact_.size;
    attack(
        [&](FileSystem &fs) -> Result<std::string> {
            const FetchRequest request = this->request();
            AptCache cache = TRY(AptCache::open(request.cache, fs));
            ArtifactFiles files(request.cache, artifact_directory(request.staging), 0, fs);
            AptLibrarySource source("ours", artifact_.source, request, cache, files, copying(),
                                    [] { return Result<std::vector<AptListing>>(); });
            const std::string path = TRY(source.get(package));
            const LibraryPackageFiles unpacked =
                TRY(LibraryPackageFiles::unpack(fs, path, request.staging + "/1"));
            const auto library = TRY(unpacked.find("libthing.so.1"));
            if (!library) return fail(ErrorCode::internal, "no library");
            return directory_.get(library->path.substr(directory_.path().size() + 1));
        },
        "good");
}

TEST_F(ArtifactCacheTest, AttackedBundlesOfARegistry) {
    for (const bool zip : {false, true}) {
        offer(bundle("good", zip), "-1.0.0+pg18-any.trunk");
        evil_ = bundle("evil", zip);
        attack(
            [&](FileSystem &fs) -> Result<std::string> {
                (void)TRY(PgxRegistry(fs, test_host(directory_)).fetch(request(), reporter_));
                return directory_.get("staging/thing/share/extension/thing--1.0.sql");
            },
            "-- good\n");
    }
}

TEST_F(ArtifactCacheTest, AttackedBundlesOfTheServer) {
    for (const bool zip : {false, true}) {
        offer(bundle("good", zip), "");
        evil_ = bundle("evil", zip);
        int given = 0;
        attack(
            [&](FileSystem &fs) -> Result<std::string> {
                FetchRequest request = this->request();
                // The backend has put it there.
                if (!std::filesystem::exists(kept())) fill_cache(good_);
                (void)TRY(BundleRegistry(fs, test_host(directory_)).fetch(request, reporter_));
                ++given;
                return directory_.get("staging/thing/share/extension/thing--1.0.sql");
            },
            "-- good\n");
        EXPECT_GT(given, 0);
    }
}

}  // namespace
}  // namespace pgx
