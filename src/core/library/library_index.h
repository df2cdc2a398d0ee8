// library_index.h - the packages of a distribution that hold libraries, as text that is cheap to
// keep and to search.
//
// A repository has 10,000 of them, and one installation asks for a handful by name. So what a
// refresh keeps is not JSON but a line for each, tab-separated, in the order of the Packages file:
// 3 MB that are read only when a module needs what the host does not have.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgx {

struct LibraryPackage {
    std::string package, version, depends, provides;
    std::string url, sha256, signer;
    std::uint64_t size = 0;  // bytes
};

// Whether a package can be needed beside extensions: a library, or data that a library cannot do
// without (library_data.h).
bool is_library_package(std::string_view package, std::string_view section);

// The same by the name alone, for a quick look: false only for packages that are none.
bool may_be_library_package(std::string_view package);

// A line of the index, with its newline. `filename` is relative to the repository's address.
std::string library_index_line(const LibraryPackage &package, std::string_view filename);

class LibraryIndex {
   public:
    // Adds the lines of one repository; `address` is where its file names begin. Malformed lines
    // count as missing.
    void add(std::string text, std::string address, std::string signer);

    // The newest package of this name, in any of the repositories.
    std::optional<LibraryPackage> find(std::string_view package) const;

    // The packages that provide a name which is none of their own ("libblas.so.3"), newest first
    // of each.
    std::vector<LibraryPackage> providers(std::string_view name) const;

    bool empty() const { return parts_.empty(); }

   private:
    struct Part {
        std::string text, address, signer;
    };
    std::vector<Part> parts_;
};

}  // namespace pgx
