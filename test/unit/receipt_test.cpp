// receipt_test.cpp - receipts as JSON, and what is no receipt.
#include "core/base/receipt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace pgx {
namespace {

const std::string digest(64, 'a');

Receipt sample() {
    Receipt receipt;
    receipt.package = "postgresql-18-semver";
    receipt.version = "0.40.0-2";
    receipt.registry = "system";
    receipt.artifact_url = "https://example.org/semver.deb";
    receipt.artifact_sha256 = digest;
    receipt.signer = "ABCDEF";
    receipt.files = {
        {"lib/semver.so", FileKind::library, 4096, 0755, digest},
        {"share/extension/semver--1.0.sql", FileKind::script, 10, 0644, digest},
        {"share/extension/semver.control", FileKind::control, 20, 0644, digest},
        {"share/tsearch_data/x.stop", FileKind::data, 0, 0644, digest},
    };
    ReceiptExtension extension;
    extension.name = "semver";
    extension.default_version = "0.40.0";
    extension.comment = "Semantic version data type";
    extension.directory = "extension";
    extension.schema = "public";
    extension.requires_ = {"cube", "plpgsql"};
    extension.superuser = false;
    extension.trusted = true;
    extension.relocatable = true;
    extension.libraries = {"semver"};
    receipt.extensions = {extension};
    receipt.modules = {{"lib/semver.so", {"libc.so.6"}, true, ModulePlugin::output}};
    receipt.left_out = {{"bitcode", 3}, {"documentation", 2}};
    return receipt;
}

TEST(Receipt, RoundTripKeepsEverything) {
    const Json json = to_json(sample());
    const auto back = receipt_from_json(json);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(to_json(*back), json);
    EXPECT_EQ(back->files[0].kind, FileKind::library);
    EXPECT_EQ(back->files[0].mode, 0755U);
    EXPECT_EQ(back->extensions[0].requires_, (std::vector<std::string>{"cube", "plpgsql"}));
    EXPECT_FALSE(back->extensions[0].superuser);
    EXPECT_TRUE(back->modules[0].preload);
    EXPECT_EQ(back->modules[0].plugin, ModulePlugin::output);
    for (const ModulePlugin plugin :
         {ModulePlugin::none, ModulePlugin::archive, ModulePlugin::hook}) {
        Receipt other = sample();
        other.modules[0].plugin = plugin;
        EXPECT_EQ(receipt_from_json(to_json(other))->modules[0].plugin, plugin);
    }
    EXPECT_EQ(back->left_out.at("bitcode"), 3U);
    // What is not said in the file is what PostgreSQL assumes.
    const auto little = receipt_from_json(Json{{"package", "p"},
                                               {"version", "1"},
                                               {"artifact_sha256", digest},
                                               {"extensions", {{{"name", "e"}}}}});
    ASSERT_TRUE(little) << little.error().message;
    EXPECT_TRUE(little->extensions[0].superuser);
    EXPECT_FALSE(little->extensions[0].trusted);
    EXPECT_TRUE(little->files.empty());
}

TEST(Receipt, IsSortedAfterReading) {
    Json json = to_json(sample());
    std::reverse(json["files"].begin(), json["files"].end());
    const auto back = receipt_from_json(json);
    ASSERT_TRUE(back);
    EXPECT_EQ(to_json(*back), to_json(sample()));
}

TEST(Receipt, FileKindsHaveNames) {
    EXPECT_STREQ(file_kind_name(FileKind::library), "library");
    EXPECT_STREQ(file_kind_name(FileKind::script), "script");
    EXPECT_STREQ(file_kind_name(FileKind::control), "control");
    EXPECT_STREQ(file_kind_name(FileKind::data), "data");
}

TEST(Receipt, RefusesWhatCannotBeActedOn) {
    struct {
        const char *message;
        std::function<void(Json &)> spoil;
    } const cases[] = {
        {"not an object", [](Json &j) { j = Json::array(); }},
        {"\"package\" is missing", [](Json &j) { j.erase("package"); }},
        {"invalid package name", [](Json &j) { j["package"] = "../x"; }},
        {"invalid package name", [](Json &j) { j["package"] = ""; }},
        {"\"version\" is missing", [](Json &j) { j.erase("version"); }},
        {"the version is empty", [](Json &j) { j["version"] = ""; }},
        {"invalid registry name", [](Json &j) { j["registry"] = "a b"; }},
        {"the artifact has no SHA-256", [](Json &j) { j["artifact_sha256"] = "abc"; }},
        {"the artifact has no SHA-256",
         [](Json &j) { j["artifact_sha256"] = std::string(64, 'A'); }},
        {"\"signer\" must be a string", [](Json &j) { j["signer"] = 1; }},
        {"\"artifact_url\" must be a string", [](Json &j) { j["artifact_url"] = 1; }},
        {"\"files\" must be an array", [](Json &j) { j["files"] = Json::object(); }},
        {"in \"files\": member \"path\" is missing", [](Json &j) { j["files"][0] = 1; }},
        {"\"../x\" is not allowed", [](Json &j) { j["files"][0]["path"] = "../x"; }},
        {"\"share/extension/semver.control\" appears twice",
         [](Json &j) { j["files"][1]["path"] = "share/extension/semver.control"; }},
        {"\"share/extension\" is a file and a directory",
         [](Json &j) { j["files"][1]["path"] = "share/extension"; }},
        {"unknown kind \"device\"", [](Json &j) { j["files"][0]["kind"] = "device"; }},
        {"\"size\" must be", [](Json &j) { j["files"][0]["size"] = -1; }},
        {"mode that is not allowed", [](Json &j) { j["files"][0]["mode"] = 04755; }},
        {"mode that is not allowed", [](Json &j) { j["files"][0]["mode"] = 0777; }},
        {"has no SHA-256 digest", [](Json &j) { j["files"][0]["sha256"] = std::string(63, 'a'); }},
        {"\"extensions\" must be an array", [](Json &j) { j["extensions"] = 1; }},
        {"invalid extension name", [](Json &j) { j["extensions"][0]["name"] = "a--b"; }},
        {"invalid extension name", [](Json &j) { j["extensions"][0]["requires"] = {"a/b"}; }},
        {"\"requires\" must be", [](Json &j) { j["extensions"][0]["requires"] = "cube"; }},
        {"\"trusted\" must be", [](Json &j) { j["extensions"][0]["trusted"] = "yes"; }},
        {"\"comment\" contains a NUL",
         [](Json &j) { j["extensions"][0]["comment"] = std::string("a\0", 2); }},
        {"\"lib/other.so\" is not among the files",
         [](Json &j) { j["modules"][0]["path"] = "lib/other.so"; }},
        {"\"needed\" must be", [](Json &j) { j["modules"][0]["needed"] = 1; }},
        {"\"left_out\" must be an object", [](Json &j) { j["left_out"] = Json::array(); }},
        {"\"bitcode\" must be", [](Json &j) { j["left_out"]["bitcode"] = "x"; }},
    };
    for (const auto &c : cases) {
        Json json = to_json(sample());
        c.spoil(json);
        const auto result = receipt_from_json(json);
        ASSERT_FALSE(result) << c.message;
        EXPECT_NE(result.error().message.find(c.message), std::string::npos)
            << result.error().message << "\nwanted: " << c.message;
    }
}

TEST(InstallPath, CleanOnes) {
    for (const std::string &path :
         {std::string("lib/a.so"), std::string("share/extension/a.control"),
          std::string("share/x/y/z+1_2-3"), "lib/" + std::string(255, 'x'), std::string("lib/...")})
        EXPECT_TRUE(is_clean_install_path(path)) << path;
}

TEST(InstallPath, OthersAreRefused) {
    for (const std::string &path : {std::string(),
                                    std::string("lib"),
                                    std::string("lib/"),
                                    std::string("share/"),
                                    std::string("/lib/a"),
                                    std::string("bin/a"),
                                    std::string("libx/a"),
                                    std::string("lib/../a"),
                                    std::string("lib/./a"),
                                    std::string("lib//a"),
                                    std::string("lib/a/"),
                                    std::string("lib/a b"),
                                    std::string("lib/a\n"),
                                    std::string("lib/a\0b", 7),
                                    std::string("lib/caf\xc3\xa9"),
                                    std::string("lib/a\\b"),
                                    std::string("lib/.."),
                                    std::string("share/a/.."),
                                    std::string("../lib/a"),
                                    "lib/" + std::string(256, 'x'),
                                    std::string("lib/a:b")})
        EXPECT_FALSE(is_clean_install_path(path)) << path;
}

}  // namespace
}  // namespace pgx
