// tuf_transport_test.cpp - stores, fingerprints, and the program for the conformance suite.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "core/tuf/fingerprint.h"
#include "temporary_directory.h"
#include "tuf_repository.h"

namespace pgx::tuf {
namespace {

TEST(TufStore, DirectoryKeepsRolesUnderEncodedNames) {
    const TemporaryDirectory directory;
    DirectoryStore store(real_file_system(), directory.path());
    EXPECT_FALSE(store.load("root").value());
    EXPECT_TRUE(store.remove("root"));
    const std::vector<std::string> roles{"root", "../up", "a/b", "..", std::string(66, '/')};
    for (const std::string &role : roles) {
        ASSERT_TRUE(store.save(role, "first")) << role;
        ASSERT_TRUE(store.save(role, "bytes of " + role));
        EXPECT_EQ(store.load(role).value(), "bytes of " + role);
    }
    EXPECT_EQ(directory.get("root.json"), "bytes of root");
    EXPECT_EQ(directory.get("..%2Fup.json"), "bytes of ../up");
    EXPECT_EQ(real_file_system().list(directory.path())->size(), 5u);
    ASSERT_TRUE(store.remove("../up"));
    EXPECT_FALSE(store.load("../up").value());
    DirectoryStore nowhere(real_file_system(), directory / "missing");
    EXPECT_FALSE(nowhere.save("root", "x"));
}

// No role's file is taken for a root: a registry may delegate to a role of any name.
TEST(TufStore, RootsAreKeptApartFromRoles) {
    const TemporaryDirectory directory;
    DirectoryStore on_disk(real_file_system(), directory.path());
    MemoryStore in_memory;
    for (Store *store : {static_cast<Store *>(&on_disk), static_cast<Store *>(&in_memory)}) {
        EXPECT_FALSE(store->load_root(1).value());
        ASSERT_TRUE(store->save_root(1, "first"));
        ASSERT_TRUE(store->save_root(12, "twelfth"));
        for (const char *role : {"1", "roots", "roots/1", "1.root", "root"}) {
            ASSERT_TRUE(store->save(role, "a role"));
            ASSERT_TRUE(store->remove(role));
        }
        EXPECT_EQ(store->load_root(1).value(), "first");
        EXPECT_EQ(store->load_root(12).value(), "twelfth");
        EXPECT_FALSE(store->load_root(2).value());
    }
    EXPECT_EQ(directory.get("roots/1.json"), "first");
    DirectoryStore again(real_file_system(), directory.path());
    EXPECT_EQ(again.load_root(12).value(), "twelfth");
}

TEST(TufStore, Memory) {
    MemoryStore store;
    EXPECT_FALSE(store.load("root").value());
    ASSERT_TRUE(store.save("root", "x"));
    EXPECT_EQ(store.load("root").value(), "x");
    ASSERT_TRUE(store.remove("root"));
    EXPECT_FALSE(store.load("root").value());
}

TEST(TufFingerprint, Texts) {
    const std::string digest(64, 'a');
    EXPECT_EQ(parse_fingerprint("sha256:" + digest)->version, 1u);
    EXPECT_EQ(parse_fingerprint("sha256:" + std::string(64, 'A'))->sha256, digest);
    EXPECT_EQ(parse_fingerprint("17:sha256:" + digest)->version, 17u);
    for (const std::string &text : {"sha256:" + digest, "17:sha256:" + digest})
        EXPECT_EQ(format_fingerprint(parse_fingerprint(text).value()), text);
    const std::vector<std::string> wrong{std::string(),
                                         digest,
                                         "sha256:",
                                         "sha256:" + digest.substr(1),
                                         "sha256:" + digest + "0",
                                         "sha256:" + digest.substr(1) + "g",
                                         "sha512:" + digest,
                                         "0:sha256:" + digest,
                                         "-1:sha256:" + digest,
                                         "x:sha256:" + digest,
                                         ":sha256:" + digest,
                                         "1 :sha256:" + digest,
                                         "1:" + digest,
                                         "99999999999999999999:sha256:" + digest};
    for (const std::string &text : wrong) {
        const auto fingerprint = parse_fingerprint(text);
        ASSERT_FALSE(fingerprint) << text;
        EXPECT_EQ(fingerprint.error().code, ErrorCode::invalid_argument);
        EXPECT_FALSE(fingerprint.error().hint.empty());
    }
}

TEST(TufFingerprint, TrustBeginsWithIt) {
    TufRepository repository;
    repository.next_root();
    repository.root.roles["root"] = role_of({9});
    RepositoryTransport transport(repository);
    for (const char *name : {"1.root.json", "2.root.json"}) {
        const std::string &root = repository.files.at("metadata/" + std::string(name));
        const Fingerprint fingerprint = fingerprint_of_root(root).value();
        EXPECT_EQ(fetch_root(transport, fingerprint).value(), root);
        MemoryStore store;
        Client client = Client::open(transport, store, root, test_now()).value();
        EXPECT_TRUE(client.refresh());
        EXPECT_EQ(client.trusted().root().version, 2u);
    }
    EXPECT_FALSE(fingerprint_of_root("{}"));
    Fingerprint wrong = fingerprint_of_root(repository.files["metadata/1.root.json"]).value();
    wrong.version = 2;
    EXPECT_EQ(fetch_root(transport, wrong).error().code, ErrorCode::digest_mismatch);
    wrong.version = 7;
    EXPECT_EQ(fetch_root(transport, wrong).error().code, ErrorCode::registry_refused);
    transport.faults["7.root.json"] = ErrorCode::registry_unreachable;
    EXPECT_EQ(fetch_root(transport, wrong).error().code, ErrorCode::registry_unreachable);
}

// The program beside this one, with a registry on disk.
class TufClientProgram : public ::testing::Test {
   protected:
    int run(const std::string &arguments) {
        const std::string program =
            std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tuf-client";
        const std::string command =
            "'" + program + "' " + arguments + " >'" + (directory_ / "output") + "' 2>&1";
        const int status = std::system(command.c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    void SetUp() override {
        // it has the real time
        repository_.root.expires = repository_.timestamp.expires = repository_.snapshot.expires =
            repository_.targets["targets"].expires =
                std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) +
                std::chrono::hours(24);
        repository_.add_target("targets", "d/file.txt", "content");
        repository_.publish_root();
        repository_.publish();
        write();
        std::filesystem::create_directory(directory_ / "got");
    }
    void write() {
        for (const auto &[name, bytes] : repository_.files) directory_.put("www/" + name, bytes);
    }
    std::string metadata() const { return "--metadata-dir " + (directory_ / "kept") + " "; }
    std::string url() const {
        return metadata() + "--metadata-url file://" + (directory_ / "www/metadata") + " ";
    }
    std::string download(const std::string &target) const {
        return url() + "--target-name " + target + " --target-base-url file://" +
               (directory_ / "www/targets/") + " --target-dir " + (directory_ / "got") +
               " download";
    }
    TemporaryDirectory directory_;
    TufRepository repository_;
};

TEST_F(TufClientProgram, InitRefreshDownload) {
    EXPECT_EQ(run(url() + "refresh"), 1);  // before init
    ASSERT_EQ(run(metadata() + "init " + (directory_ / "www/metadata/1.root.json")), 0)
        << directory_.get("output");
    EXPECT_EQ(directory_.get("kept/root.json"), repository_.files["metadata/1.root.json"]);
    ASSERT_EQ(run(url() + "refresh"), 0) << directory_.get("output");
    EXPECT_EQ(directory_.get("kept/targets.json"), repository_.files["metadata/1.targets.json"]);
    ASSERT_EQ(run(download("d/file.txt")), 0) << directory_.get("output");
    EXPECT_EQ(directory_.get("got/d%2Ffile.txt"), "content");
    // what is there already is not fetched again
    std::filesystem::remove_all(directory_ / "www/targets");
    EXPECT_EQ(run(download("d/file.txt")), 0);
    directory_.put("got/d%2Ffile.txt", "edited.");
    EXPECT_EQ(run(download("d/file.txt")), 1);
    EXPECT_EQ(run(download("missing")), 1);
    EXPECT_NE(directory_.get("output").find("there is no target \"missing\""), std::string::npos);
}

TEST_F(TufClientProgram, RefusesWhatItCannotUnderstand) {
    const std::string root = directory_ / "www/metadata/1.root.json";
    ASSERT_EQ(run(metadata() + "init " + root), 0);
    const std::vector<std::string> wrong{"",
                                         "refresh",
                                         metadata() + "refresh",
                                         metadata() + "init",
                                         metadata() + "init " + root + " " + root,
                                         url() + "reload",
                                         url() + "download",
                                         url() + "--unknown x refresh",
                                         "--metadata-dir",
                                         metadata() + "init /missing",
                                         metadata() + "--metadata-url http://example.org/ refresh",
                                         metadata() + "--metadata-url ftp://127.0.0.1/ refresh"};
    for (const std::string &arguments : wrong) EXPECT_EQ(run(arguments), 1) << arguments;
    EXPECT_EQ(run(metadata() + "--metadata-url http://example.org/ refresh"), 1);
    EXPECT_NE(directory_.get("output").find("http is allowed on loopback only"), std::string::npos);
}

}  // namespace
}  // namespace pgx::tuf
