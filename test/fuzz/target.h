// target.h - what a fuzz target is, and what they have in common.
//
// A target takes any bytes, gives them to one parser, and checks what the parser promises: that
// what was read and is written again reads the same, that a path which was accepted stays inside.
// It returns normally for everything, or breaks (a crash, a sanitizer's finding, a promise that was
// not kept). The same targets are run by libFuzzer (libfuzzer.cpp) for hours and by the unit tests
// (fuzz_replay_test.cpp) over seeds and past findings at every "make check".
//
// All targets are in one program: most of the time of a build goes into linking and instrumenting
// the core, which is the same for all.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_system.h"

namespace pgx::fuzz {

using Seeds = std::vector<std::string>;

struct Target {
    const char *name;
    void (*run)(std::string_view input);
    // Well-formed inputs that the parser accepts, made anew each time.
    Seeds (*seeds)();
};

std::span<const Target> targets();

// Breaks, by an exception that nobody catches but the unit tests, when a promise is not kept.
void require(bool promise, const char *what);

// A file system that has one file, "/input", with these bytes. What writes fails.
class OneFile : public FileSystem {
   public:
    explicit OneFile(std::string_view bytes) : bytes_(bytes) {}

    Result<std::string> read(const std::string &path, std::uint64_t limit) override;
    Result<std::unique_ptr<ReadableFile>> open(const std::string &path) override;
    Result<std::optional<FileInfo>> info(const std::string &path) override;

    Result<std::unique_ptr<WritableFile>> create(const std::string &, unsigned) override;
    Result<std::vector<std::string>> list(const std::string &) override;
    Result<void> make_directory(const std::string &, unsigned) override;
    Result<void> make_directories(const std::string &, unsigned) override;
    Result<void> rename(const std::string &, const std::string &) override;
    Result<void> link(const std::string &, const std::string &) override;
    Result<void> unlink(const std::string &) override;
    Result<void> remove_directory(const std::string &) override;
    Result<void> remove_tree(const std::string &) override;
    Result<void> start_writeback(const std::string &) override;
    Result<void> sync_file(const std::string &) override;
    Result<void> sync_directory(const std::string &) override;

   private:
    std::string_view bytes_;
};

inline constexpr const char *input_path = "/input";

// For parsers that want a path of the real file system: a file with these bytes, removed at the end
// of the scope.
class RealFile {
   public:
    explicit RealFile(std::string_view bytes);
    RealFile(const RealFile &) = delete;
    RealFile &operator=(const RealFile &) = delete;
    ~RealFile();
    const std::string &path() const { return path_; }

   private:
    std::string path_;
};

// Relative, without empty, "." and ".." components, and without NUL.
bool stays_inside(std::string_view path);

// Several texts out of one input, for parsers with more than one: split at NUL characters.
std::vector<std::string_view> split_at_nul(std::string_view input);
std::string join_with_nul(const std::vector<std::string> &texts);

// The targets, by the file that has them.
void deb(std::string_view input);
void tar(std::string_view input);
void archive(std::string_view input);
void bundle(std::string_view input);
void unpacked_deb(std::string_view input);
Seeds deb_seeds();
Seeds tar_seeds();
Seeds archive_seeds();
Seeds bundle_seeds();
Seeds unpacked_deb_seeds();

void deb822(std::string_view input);
void clear_signed(std::string_view input);
void release(std::string_view input);
void packages(std::string_view input);
void contents(std::string_view input);
void sources(std::string_view input);
void apt_settings(std::string_view input);
void relations(std::string_view input);
void library_index(std::string_view input);
Seeds deb822_seeds();
Seeds clear_signed_seeds();
Seeds release_seeds();
Seeds packages_seeds();
Seeds contents_seeds();
Seeds sources_seeds();
Seeds apt_settings_seeds();
Seeds relations_seeds();
Seeds library_index_seeds();

void trunk_json(std::string_view input);
void meta_json(std::string_view input);
void digests(std::string_view input);
void minisign(std::string_view input);
void bundle_name(std::string_view input);
Seeds trunk_json_seeds();
Seeds meta_json_seeds();
Seeds digests_seeds();
Seeds minisign_seeds();
Seeds bundle_name_seeds();

void tuf_root(std::string_view input);
void tuf_timestamp(std::string_view input);
void tuf_snapshot(std::string_view input);
void tuf_targets(std::string_view input);
void tuf_keys(std::string_view input);
void canonical_json(std::string_view input);
void catalog(std::string_view input);
void catalog_shard(std::string_view input);
Seeds tuf_root_seeds();
Seeds tuf_timestamp_seeds();
Seeds tuf_snapshot_seeds();
Seeds tuf_targets_seeds();
Seeds tuf_keys_seeds();
Seeds canonical_json_seeds();
Seeds catalog_seeds();
Seeds catalog_shard_seeds();

void elf(std::string_view input);
void control_file(std::string_view input);
void script(std::string_view input);
Seeds elf_seeds();
Seeds control_file_seeds();
Seeds script_seeds();

void json(std::string_view input);
void versions(std::string_view input);
void names(std::string_view input);
void addresses(std::string_view input);
void receipt(std::string_view input);
void preload_facts(std::string_view input);
void helper_request(std::string_view input);
void helper_answer(std::string_view input);
Seeds json_seeds();
Seeds versions_seeds();
Seeds names_seeds();
Seeds addresses_seeds();
Seeds receipt_seeds();
Seeds preload_facts_seeds();
Seeds helper_request_seeds();
Seeds helper_answer_seeds();

}  // namespace pgx::fuzz
