// library_data.cpp - the table. An entry needs a reading of the library's source: what it looks for
// relative to itself, and since which version.
#include "core/library/library_data.h"

#include <algorithm>
#include <array>

namespace pgx {

namespace {

constexpr std::array<LibraryData, 1> table{{
    {"libproj", "proj-data", "usr/share/proj", "share/proj"},
}};

template <typename Member>
const LibraryData *find(Member member, std::string_view value) {
    const auto *found = std::ranges::find(table, value, member);
    return found == table.end() ? nullptr : found;
}

}  // namespace

const LibraryData *library_data(std::string_view soname) {
    return find(&LibraryData::library, soname.substr(0, soname.find(".so")));
}

const LibraryData *library_data_at(std::string_view place) {
    return find(&LibraryData::place, place);
}

bool is_library_data_package(std::string_view package) {
    return find(&LibraryData::package, package) != nullptr;
}

}  // namespace pgx
