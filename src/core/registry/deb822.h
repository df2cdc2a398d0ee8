// deb822.h - stanzas of "Name: value" fields, the format of Release, Packages and *.sources files.
//
// The format is deb822(5), RFC 822 headers without the mail: fields are separated by lines, stanzas by empty lines, and a line
// that begins with a space or a tab continues the field above it. Names are compared without case. Lines beginning with
// "#" are comments in files that people write (sources) and nowhere else. Reading is line by line, because Packages files
// are larger than the memory that the helper may use. A field given twice in a stanza is an error: of two SHA256 fields,
// two readers may believe different ones.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace pgx {

class Deb822Stanza {
   public:
    // The value of a field or nullopt. Continuation lines follow the first line after a newline each, without their first
    // character; so the value of a folded field whose first line is empty begins with a newline.
    std::optional<std::string_view> find(std::string_view name) const;
    // The same, empty when there is no such field.
    std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view{}); }
    // Whether `name` is absent or a form of "yes"; `fallback` when absent or neither yes nor no. apt's words are accepted:
    // yes, true, with, on, enable, 1 and no, false, without, off, disable, 0.
    bool flag(std::string_view name, bool fallback) const;

    bool empty() const { return fields_.empty(); }
    // Number of the stanza's first line in its text, counted from 1.
    std::size_t line() const { return line_; }
    const std::vector<std::pair<std::string, std::string>> &fields() const { return fields_; }

   private:
    friend class Deb822Reader;
    std::vector<std::pair<std::string, std::string>> fields_;  // in the order of the text
    std::size_t line_ = 0;
};

// Takes lines one by one and gives back a stanza whenever one is complete.
class Deb822Reader {
   public:
    enum class Comments { none, allowed };
    explicit Deb822Reader(Comments comments) : comments_(comments) {}

    // The stanza that this line completes (the line is then the empty one behind it), or nullopt. registry_malformed with
    // the line's number when the line is no field, continues nothing, or repeats a field.
    Result<std::optional<Deb822Stanza>> line(std::string_view text);
    // The last stanza, when the text does not end with an empty line.
    std::optional<Deb822Stanza> finish();

   private:
    std::optional<Deb822Stanza> take();

    Comments comments_;
    Deb822Stanza stanza_;
    std::size_t number_ = 0;
};

// All stanzas of a text in memory; none is empty.
Result<std::vector<Deb822Stanza>> parse_deb822(std::string_view text, Deb822Reader::Comments comments);

// Splits at spaces, tabs and newlines; no empty words.
std::vector<std::string> split_words(std::string_view text);

// A description or an inline key: lines of only "." become empty lines, the newline before the first line goes.
std::string unfold_paragraphs(std::string_view value);

// apt's reading of a truth value, nullopt when it is neither.
std::optional<bool> parse_apt_boolean(std::string_view text);

// Equality of ASCII letters without case; names of fields and of apt settings are compared so.
bool equal_without_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);

// Without spaces, tabs, carriage returns and newlines at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace pgx
