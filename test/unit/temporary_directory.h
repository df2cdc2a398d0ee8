// temporary_directory.h - a directory of its own for a test, removed with everything in it at the
// end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace pgx {

class TemporaryDirectory {
   public:
    TemporaryDirectory() {
        path_ = (std::filesystem::temp_directory_path() / "pgx-test-XXXXXX").string();
        if (::mkdtemp(path_.data()) == nullptr) {
            ADD_FAILURE() << "could not create a temporary directory";
            path_.clear();
            return;
        }
        // Links on the way to it (/tmp on some systems) would disturb tests of links.
        path_ = std::filesystem::canonical(path_).string();
    }
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

    const std::string &path() const { return path_; }
    // The path of `name` in it.
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

    // Puts a file there, parents included; gives its path.
    std::string put(std::string_view name, std::string_view content) const {
        const std::string path = *this / name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    // The content of a file, empty when it cannot be read.
    std::string get(std::string_view name) const {
        std::ifstream file(*this / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

   private:
    std::string path_;
};

}  // namespace pgx
