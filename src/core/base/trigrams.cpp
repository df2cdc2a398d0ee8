#include "core/base/trigrams.h"

#include <algorithm>

namespace pgx {

namespace {

std::uint32_t lower(char character) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
    return static_cast<unsigned char>(character);
}

}  // namespace

std::vector<std::int32_t> trigrams(const std::vector<std::string> &names) {
    std::vector<std::int32_t> found;
    for (const std::string &name : names) {
        std::uint32_t last = 0;
        for (std::size_t i = 0; i < name.size(); ++i) {
            last = (last << 8 | lower(name[i])) & 0xffffff;
            if (i >= 2) found.push_back(static_cast<std::int32_t>(last));
        }
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

}  // namespace pgx
