#include "core/publish/registry_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>

namespace pgx {

std::string RegistryFolder::role_file(std::string_view role, std::uint64_t version) const {
    return join_path(metadata(),
                     std::to_string(version) + "." + tuf::encode_role_name(role) + ".json");
}

std::string RegistryFolder::target_file(std::string_view target_path,
                                        std::string_view sha256) const {
    const std::size_t slash = target_path.rfind('/');
    const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
    return join_path(targets(), std::string(target_path.substr(0, name)) + std::string(sha256) +
                                    "." + std::string(target_path.substr(name)));
}

std::optional<MetadataFileName> parse_metadata_file_name(std::string_view name) {
    if (!name.ends_with(".json")) return std::nullopt;
    name.remove_suffix(5);
    MetadataFileName parsed;
    const auto [end, error] =
        std::from_chars(name.data(), name.data() + name.size(), parsed.version);
    const std::size_t digits = static_cast<std::size_t>(end - name.data());
    if (error != std::errc{} || name.front() == '0' || digits + 1 >= name.size() ||
        name[digits] != '.')
        return std::nullopt;
    parsed.role = name.substr(digits + 1);
    return parsed;
}

Result<std::string> target_sha256(const tuf::TargetFile &file, std::string_view path) {
    const auto found = file.hashes.find("sha256");
    if (found == file.hashes.end())
        return fail(ErrorCode::registry_malformed,
                    "there is no SHA-256 digest of \"" + std::string(path) + "\"");
    return found->second;
}

Result<std::vector<std::optional<std::string>>> FolderTransport::fetch(
    const std::vector<tuf::FileRequest> &requests) {
    std::vector<std::optional<std::string>> answers;
    for (const tuf::FileRequest &request : requests) {
        const bool metadata = request.kind == tuf::FileRequest::Kind::metadata;
        const std::string path =
            join_path(metadata ? folder_.metadata() : folder_.targets(), request.path);
        if (!TRY(fs_.info(path))) {
            if (!request.may_be_missing)
                return fail(ErrorCode::registry_refused, "there is no file \"" + path + "\"", {},
                            "Copy the whole folder of the registry.");
            answers.emplace_back(std::nullopt);
            continue;
        }
        answers.emplace_back(TRY(fs_.read(path, request.limit)));
    }
    return answers;
}

Result<RegistryLock> RegistryLock::take(const std::string &directory,
                                        std::chrono::milliseconds patience) {
    // On the folder itself: a file for it would be published.
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return fail(system_error("could not open the registry \"" + directory + "\"", errno));
    RegistryLock lock(descriptor);
    constexpr std::chrono::milliseconds pause(100);
    for (auto waited = pause; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0; waited += pause) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(system_error("could not lock the registry \"" + directory + "\"", errno));
        if (waited > patience)
            return fail(ErrorCode::wrong_state,
                        "another program is publishing in \"" + directory + "\"", {},
                        "Try again when it has ended.");
        std::this_thread::sleep_for(pause);
    }
    return lock;
}

RegistryLock::~RegistryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace pgx
