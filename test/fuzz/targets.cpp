// targets.cpp - the table of targets, and what they share.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "target.h"

namespace pgx::fuzz {

namespace {

constexpr Target table[] = {
    {"deb", deb, deb_seeds},
    {"tar", tar, tar_seeds},
    {"archive", archive, archive_seeds},
    {"bundle", bundle, bundle_seeds},
    {"unpacked_deb", unpacked_deb, unpacked_deb_seeds},
    {"deb822", deb822, deb822_seeds},
    {"clear_signed", clear_signed, clear_signed_seeds},
    {"release", release, release_seeds},
    {"packages", packages, packages_seeds},
    {"contents", contents, contents_seeds},
    {"sources", sources, sources_seeds},
    {"apt_settings", apt_settings, apt_settings_seeds},
    {"relations", relations, relations_seeds},
    {"library_index", library_index, library_index_seeds},
    {"trunk_json", trunk_json, trunk_json_seeds},
    {"meta_json", meta_json, meta_json_seeds},
    {"digests", digests, digests_seeds},
    {"minisign", minisign, minisign_seeds},
    {"bundle_name", bundle_name, bundle_name_seeds},
    {"tuf_root", tuf_root, tuf_root_seeds},
    {"tuf_timestamp", tuf_timestamp, tuf_timestamp_seeds},
    {"tuf_snapshot", tuf_snapshot, tuf_snapshot_seeds},
    {"tuf_targets", tuf_targets, tuf_targets_seeds},
    {"tuf_keys", tuf_keys, tuf_keys_seeds},
    {"canonical_json", canonical_json, canonical_json_seeds},
    {"catalog", catalog, catalog_seeds},
    {"catalog_shard", catalog_shard, catalog_shard_seeds},
    {"elf", elf, elf_seeds},
    {"control_file", control_file, control_file_seeds},
    {"script", script, script_seeds},
    {"json", json, json_seeds},
    {"versions", versions, versions_seeds},
    {"names", names, names_seeds},
    {"addresses", addresses, addresses_seeds},
    {"receipt", receipt, receipt_seeds},
    {"preload_facts", preload_facts, preload_facts_seeds},
    {"helper_request", helper_request, helper_request_seeds},
    {"helper_answer", helper_answer, helper_answer_seeds},
};

class OpenFile : public ReadableFile {
   public:
    explicit OpenFile(std::string_view bytes) : bytes_(bytes) {}
    Result<std::size_t> read(char *buffer, std::size_t size) override {
        const std::string_view rest = bytes_.substr(std::min(at_, bytes_.size()));
        const std::size_t count = std::min(size, rest.size());
        std::copy_n(rest.data(), count, buffer);
        at_ += count;
        return count;
    }
    Result<void> seek(std::uint64_t offset) override {
        at_ = offset;
        return {};
    }

   private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

std::unexpected<Error> read_only() { return fail(system_error("could not write", EROFS)); }

}  // namespace

std::span<const Target> targets() { return table; }

void require(bool promise, const char *what) {
    if (!promise) throw std::logic_error(what);
}

Result<std::string> OneFile::read(const std::string &path, std::uint64_t limit) {
    if (path != input_path) return fail(system_error("could not open", ENOENT));
    if (bytes_.size() > limit) return fail(ErrorCode::limit_exceeded, "the file is too large");
    return std::string(bytes_);
}

Result<std::unique_ptr<ReadableFile>> OneFile::open(const std::string &path) {
    if (path != input_path) return fail(system_error("could not open", ENOENT));
    return std::make_unique<OpenFile>(bytes_);
}

Result<std::optional<FileInfo>> OneFile::info(const std::string &path) {
    if (path != input_path) return std::optional<FileInfo>();
    FileInfo info;
    info.type = FileType::regular;
    info.size = bytes_.size();
    info.mode = 0600;
    return std::optional(info);
}

Result<std::unique_ptr<WritableFile>> OneFile::create(const std::string &, unsigned) {
    return read_only();
}
Result<std::vector<std::string>> OneFile::list(const std::string &) {
    return std::vector<std::string>();
}
Result<void> OneFile::make_directory(const std::string &, unsigned) { return read_only(); }
Result<void> OneFile::make_directories(const std::string &, unsigned) { return read_only(); }
Result<void> OneFile::rename(const std::string &, const std::string &) { return read_only(); }
Result<void> OneFile::link(const std::string &, const std::string &) { return read_only(); }
Result<void> OneFile::unlink(const std::string &) { return read_only(); }
Result<void> OneFile::remove_directory(const std::string &) { return read_only(); }
Result<void> OneFile::remove_tree(const std::string &) { return read_only(); }
Result<void> OneFile::start_writeback(const std::string &) { return {}; }
Result<void> OneFile::sync_file(const std::string &) { return {}; }
Result<void> OneFile::sync_directory(const std::string &) { return {}; }

RealFile::RealFile(std::string_view bytes) {
    const char *directory = ::getenv("TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/pgx-fuzz-XXXXXX";
    const int file = ::mkstemp(path_.data());
    if (file < 0 || ::write(file, bytes.data(), bytes.size()) < 0)
        throw std::runtime_error("could not write the input to a file");
    ::close(file);
}

RealFile::~RealFile() { ::unlink(path_.c_str()); }

bool stays_inside(std::string_view path) {
    if (path.empty() || path.starts_with('/') || path.find('\0') != std::string_view::npos)
        return false;
    while (true) {
        const std::size_t slash = path.find('/');
        const std::string_view component = path.substr(0, slash);
        if (component.empty() || component == "." || component == "..") return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

std::vector<std::string_view> split_at_nul(std::string_view input) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = input.find('\0');
        parts.push_back(input.substr(0, end));
        if (end == std::string_view::npos) return parts;
        input.remove_prefix(end + 1);
    }
}

std::string join_with_nul(const std::vector<std::string> &texts) {
    std::string joined;
    for (std::size_t i = 0; i < texts.size(); ++i)
        joined += (i ? std::string(1, '\0') : "") + texts[i];
    return joined;
}

}  // namespace pgx::fuzz
