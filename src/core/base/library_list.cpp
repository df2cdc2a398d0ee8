#include "core/base/library_list.h"

#include <algorithm>

namespace pgx {

std::string library_of_element(std::string_view element) {
    element.remove_prefix(element.rfind('/') + 1);  // npos + 1 is 0
    if (element.ends_with(".so")) element.remove_suffix(3);
    return std::string(element);
}

bool names_library(const std::vector<std::string> &elements, std::string_view library) {
    return std::ranges::any_of(elements, [&](const std::string &element) {
        return library_of_element(element) == library;
    });
}

std::vector<std::string> with_libraries(std::vector<std::string> elements,
                                        const std::vector<std::string> &libraries) {
    std::erase(elements, "");
    for (const std::string &library : libraries)
        if (!names_library(elements, library)) elements.push_back(library);
    return elements;
}

std::vector<std::string> without_libraries(std::vector<std::string> elements,
                                           const std::vector<std::string> &libraries) {
    std::erase_if(elements, [&](const std::string &element) {
        return std::ranges::find(libraries, library_of_element(element)) != libraries.end();
    });
    return elements;
}

}  // namespace pgx
