// control_file.cpp - the lexer and the rules of PostgreSQL's control files.
//
// PostgreSQL reads control files with the lexer of postgresql.conf, so the syntax has corners that
// nobody would guess: "1.0.1" without quotes is two numbers and an error, "a.b" is a qualified name
// and no value, an "=" is optional, a quoted value ends at the line's end. A regular expression per
// line, as most tools have it, gets these wrong; what follows is the lexer's own table: at each
// place the longest of all tokens counts, and the first one of equals.
#include "core/registry/control_file.h"

#include <algorithm>
#include <array>

#include "core/base/json.h"
#include "core/base/names.h"

namespace pgx {

namespace {

enum class Token {
    end,
    line_end,
    identifier,
    qualified,
    string,
    unquoted,
    integer,
    real,
    equals,
    error
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_letter(char c) {
    return is_ascii_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_letter_or_digit(char c) { return is_letter(c) || is_digit(c); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), lower);
    return result;
}

// How many characters from `at` on satisfy `predicate`.
template <typename Predicate>
std::size_t span_of(std::string_view text, std::size_t at, Predicate predicate) {
    std::size_t end = at;
    while (end < text.size() && predicate(text[end])) ++end;
    return end - at;
}

// Each of these gives the length of its token at the beginning of `text`, 0 when there is none.

std::size_t identifier_length(std::string_view text) {
    if (text.empty() || !is_letter(text[0])) return 0;
    return span_of(text, 0, is_letter_or_digit);
}

std::size_t qualified_length(std::string_view text) {
    const std::size_t first = identifier_length(text);
    if (first == 0 || first >= text.size() || text[first] != '.') return 0;
    const std::size_t second = identifier_length(text.substr(first + 1));
    return second == 0 ? 0 : first + 1 + second;
}

std::size_t unquoted_length(std::string_view text) {
    if (text.empty() || !is_letter(text[0])) return 0;
    return span_of(text, 0, [](char c) {
        return is_letter_or_digit(c) || c == '-' || c == '.' || c == ':' || c == '/';
    });
}

std::size_t string_length(std::string_view text) {
    if (text.empty() || text[0] != '\'') return 0;
    std::size_t closed =
        0;  // the longest match so far: two quotes may be one escaped or an end and a beginning
    for (std::size_t i = 1; i < text.size() && text[i] != '\n';) {
        if (text[i] == '\\') {
            if (i + 1 >= text.size() || text[i + 1] == '\n') break;
            i += 2;
        } else if (text[i] == '\'') {
            closed = i + 1;
            if (i + 1 >= text.size() || text[i + 1] != '\'') break;
            i += 2;
        } else {
            ++i;
        }
    }
    return closed;
}

std::size_t sign_length(std::string_view text) {
    return !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
}

std::size_t integer_length(std::string_view text) {
    const std::size_t start = sign_length(text);
    std::size_t number = span_of(text, start, is_digit);
    if (number == 0) return 0;
    if (text.substr(start, 2) == "0x") {
        const std::size_t hex = span_of(text, start + 2, [](char c) {
            return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
        });
        if (hex > 0) number = 2 + hex;
    }
    return start + number + span_of(text, start + number, is_ascii_letter);
}

std::size_t real_length(std::string_view text) {
    std::size_t at = sign_length(text);
    at += span_of(text, at, is_digit);
    if (at >= text.size() || text[at] != '.') return 0;
    ++at;
    at += span_of(text, at, is_digit);
    if (at < text.size() && lower(text[at]) == 'e') {
        const std::size_t sign = sign_length(text.substr(at + 1));
        const std::size_t digits = span_of(text, at + 1 + sign, is_digit);
        if (digits > 0) at += 1 + sign + digits;
    }
    return at;
}

class Lexer {
   public:
    explicit Lexer(std::string_view text) : rest_(text) {}

    Token next() {
        skip_space_and_comment();
        if (rest_.empty()) return Token::end;
        if (rest_[0] == '\n') {
            rest_.remove_prefix(1);
            return Token::line_end;
        }
        struct Rule {
            Token token;
            std::size_t length;
        };
        const std::array<Rule, 8> rules{{
            {Token::identifier, identifier_length(rest_)},
            {Token::qualified, qualified_length(rest_)},
            {Token::string, string_length(rest_)},
            {Token::unquoted, unquoted_length(rest_)},
            {Token::integer, integer_length(rest_)},
            {Token::real, real_length(rest_)},
            {Token::equals, rest_[0] == '=' ? std::size_t{1} : 0},
            {Token::error, 1},
        }};
        const Rule best = *std::ranges::max_element(rules, {}, &Rule::length);
        text_ = rest_.substr(0, best.length);
        rest_.remove_prefix(best.length);
        return best.token;
    }

    std::string_view text() const { return text_; }

   private:
    void skip_space_and_comment() {
        while (!rest_.empty()) {
            const char c = rest_[0];
            if (c == ' ' || c == '\t' || c == '\r')
                rest_.remove_prefix(1);
            else if (c == '#')
                rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
            else
                return;
        }
    }

    std::string_view rest_, text_;
};

// The value of a quoted string; the quotes are still around it.
std::string unquote(std::string_view quoted) {
    const std::string_view text = quoted.substr(1, quoted.size() - 2);
    std::string value;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') {
            value += text[++i];
            continue;
        }
        if (text[i] != '\\') {
            value += text[i];
            continue;
        }
        ++i;
        switch (text[i]) {
            case 'b':
                value += '\b';
                break;
            case 'f':
                value += '\f';
                break;
            case 'n':
                value += '\n';
                break;
            case 'r':
                value += '\r';
                break;
            case 't':
                value += '\t';
                break;
            default: {
                unsigned number = 0, digits = 0;
                while (digits < 3 && i + digits < text.size() && text[i + digits] >= '0' &&
                       text[i + digits] <= '7')
                    number = number * 8 + static_cast<unsigned>(text[i + digits++] - '0');
                if (digits == 0) {
                    value += text[i];
                } else {
                    value += static_cast<char>(number & 0xff);
                    i += digits - 1;
                }
            }
        }
    }
    return value;
}

// A boolean may be written as any unambiguous beginning of true, false, yes, no, on, off, or as 1
// or 0.
std::optional<bool> parse_bool(std::string_view text) {
    const std::string value = lowered(text);
    if (value.empty()) return std::nullopt;
    const auto begins = [&](std::string_view word) { return word.starts_with(value); };
    if (value == "1" || value == "on" || begins("true") || begins("yes")) return true;
    if (value == "0" || begins("false") || begins("no")) return false;
    if (value.size() > 1 && begins("off")) return false;
    return std::nullopt;
}

// A comma-separated list of SQL identifiers: folded to lower case unless in double quotes.
std::optional<std::vector<std::string>> parse_identifiers(std::string_view text) {
    const auto is_space = [](char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
    };
    std::vector<std::string> names;
    std::size_t at = span_of(text, 0, is_space);
    if (at == text.size()) return names;
    while (true) {
        std::string name;
        if (at < text.size() && text[at] == '"') {
            for (++at;; ++at) {
                if (at >= text.size()) return std::nullopt;
                if (text[at] == '"') {
                    if (at + 1 >= text.size() || text[at + 1] != '"') break;
                    ++at;
                }
                name += text[at];
            }
            ++at;
        } else {
            const std::size_t length =
                span_of(text, at, [&](char c) { return c != ',' && !is_space(c); });
            if (length == 0) return std::nullopt;
            name = lowered(text.substr(at, length));
            at += length;
        }
        names.push_back(std::move(name));
        at += span_of(text, at, is_space);
        if (at == text.size()) return names;
        if (text[at] != ',') return std::nullopt;
        ++at;
        at += span_of(text, at, is_space);
    }
}

// The encodings that a database can have, in the form that PostgreSQL compares: letters and digits
// only, lower case. Encodings for clients only (sjis, big5, gbk, gb18030, uhc, johab, shiftjis2004)
// are refused there and here.
constexpr std::string_view server_encodings[] = {
    "abc",         "alt",         "euccn",       "eucjis2004",  "eucjp",        "euckr",
    "euctw",       "iso88591",    "iso885910",   "iso885913",   "iso885914",    "iso885915",
    "iso885916",   "iso88592",    "iso88593",    "iso88594",    "iso88595",     "iso88596",
    "iso88597",    "iso88598",    "iso88599",    "koi8",        "koi8r",        "koi8u",
    "latin1",      "latin10",     "latin2",      "latin3",      "latin4",       "latin5",
    "latin6",      "latin7",      "latin8",      "latin9",      "muleinternal", "sqlascii",
    "tcvn",        "tcvn5712",    "unicode",     "utf8",        "vscii",        "win",
    "win1250",     "win1251",     "win1252",     "win1253",     "win1254",      "win1255",
    "win1256",     "win1257",     "win1258",     "win866",      "win874",       "windows1250",
    "windows1251", "windows1252", "windows1253", "windows1254", "windows1255",  "windows1256",
    "windows1257", "windows1258", "windows866",  "windows874"};

bool is_server_encoding(std::string_view name) {
    std::string clean;
    for (char c : name)
        if (is_ascii_letter(c) || is_digit(c)) clean += lower(c);
    return std::ranges::find(server_encodings, clean) != std::end(server_encodings);
}

// Whether scripts below `directory` stay inside the share directory that we own.
bool is_clean_directory(std::string_view directory) {
    while (true) {
        const std::size_t end = std::min(directory.find('/'), directory.size());
        const std::string_view component = directory.substr(0, end);
        if (component.empty() || component == "." || component == "..") return false;
        for (char c : component)
            if (!is_ascii_letter(c) && !is_digit(c) && c != '.' && c != '_' && c != '+' && c != '-')
                return false;
        if (end == directory.size()) return true;
        directory.remove_prefix(end + 1);
    }
}

// A library that is at hand anyway knows what UTF-8 is.
bool is_utf8(const std::string &text) {
    try {
        (void)Json(text).dump(-1, ' ', false, Json::error_handler_t::strict);
        return true;
    } catch (const Json::exception &) {
        return false;
    }
}

class Reader {
   public:
    Reader(std::string_view text, std::string_view name, bool secondary)
        : lexer_(text), name_(name), secondary_(secondary) {}

    Result<ControlFile> read() {
        for (line_ = 1;; ++line_) {
            Token token = lexer_.next();
            if (token == Token::end) break;
            if (token == Token::line_end) continue;
            if (token != Token::identifier && token != Token::qualified) return syntax_error();
            const std::string parameter(lexer_.text());
            token = lexer_.next();
            if (token == Token::equals) token = lexer_.next();
            std::string value;
            if (token == Token::string)
                value = unquote(lexer_.text());
            else if (token == Token::identifier || token == Token::integer ||
                     token == Token::real || token == Token::unquoted)
                value = lexer_.text();
            else
                return syntax_error();
            token = lexer_.next();
            if (token != Token::line_end && token != Token::end) return syntax_error();
            TRY(set(parameter, value));
            if (token == Token::end) break;
        }
        if (control_.relocatable && has_schema_)
            return invalid(
                "Parameter \"schema\" cannot be specified when \"relocatable\" is true.");
        return std::move(control_);
    }

   private:
    std::unexpected<Error> invalid(std::string detail) const {
        return fail(ErrorCode::control_file_invalid,
                    "invalid extension control file \"" + name_ + "\"", std::move(detail));
    }

    std::unexpected<Error> invalid_here(const std::string &what) const {
        return invalid("Line " + std::to_string(line_) + ": " + what);
    }

    std::unexpected<Error> syntax_error() const { return invalid_here("Syntax error."); }

    Result<void> set(const std::string &parameter, const std::string &value) {
        // PostgreSQL's strings end at a NUL: what is checked here would not be what is used there.
        if (value.find('\0') != std::string::npos)
            return invalid_here("Parameter \"" + parameter + "\" contains a NUL character.");
        // PostgreSQL would copy it as it is into pg_description, and a dump of that cannot be
        // restored.
        if (!is_utf8(value))
            return invalid_here("Parameter \"" + parameter + "\" is not valid UTF-8.");
        if (const std::string folded = lowered(parameter);
            folded == "include" || folded == "include_dir" || folded == "include_if_exists")
            return invalid_here("\"" + parameter +
                                "\" would make the server read other files and is not allowed.");
        if (parameter == "directory") return set_directory(value);
        if (parameter == "default_version") return set_default_version(value);
        if (parameter == "module_pathname") return set_module_pathname(value);
        if (parameter == "comment") return set_text(control_.comment, value);
        if (parameter == "schema") {
            has_schema_ = true;
            return set_text(control_.schema, value);
        }
        if (parameter == "relocatable") return set_bool(control_.relocatable, parameter, value);
        if (parameter == "superuser") return set_bool(control_.superuser, parameter, value);
        if (parameter == "trusted") return set_bool(control_.trusted, parameter, value);
        if (parameter == "requires") return set_names(control_.requires_, parameter, value);
        if (parameter == "no_relocate") return set_names(control_.no_relocate, parameter, value);
        if (parameter == "encoding") {
            if (!is_server_encoding(value))
                return invalid_here("\"" + value + "\" is not a valid encoding name.");
            return set_text(control_.encoding, value);
        }
        return invalid_here("Unrecognized parameter \"" + parameter + "\".");
    }

    Result<void> set_text(std::string &target, const std::string &value) {
        target = value;
        return {};
    }

    Result<void> set_directory(const std::string &value) {
        if (secondary_) return not_in_secondary("directory");
        if (!is_clean_directory(value))
            return invalid_here("Directory \"" + value +
                                "\" is not a plain path below the share directory.");
        return set_text(control_.directory, value);
    }

    Result<void> set_default_version(const std::string &value) {
        if (secondary_) return not_in_secondary("default_version");
        if (!is_valid_version_name(value))
            return invalid_here("\"" + value + "\" is not a valid version name.");
        return set_text(control_.default_version, value);
    }

    // A library is found on dynamic_library_path only by a bare name or by one after "$libdir/".
    Result<void> set_module_pathname(const std::string &value) {
        std::string_view module = value;
        if (module.starts_with("$libdir/")) module.remove_prefix(8);
        if (module.find('/') != std::string_view::npos || !is_clean_directory(module))
            return invalid_here("Module path \"" + value +
                                "\" is neither \"$libdir/name\" nor a plain name.");
        return set_text(control_.module_pathname, value);
    }

    Result<void> set_bool(bool &target, const std::string &parameter, const std::string &value) {
        const std::optional<bool> parsed = parse_bool(value);
        if (!parsed)
            return invalid_here("Parameter \"" + parameter + "\" requires a Boolean value.");
        target = *parsed;
        return {};
    }

    Result<void> set_names(std::vector<std::string> &target, const std::string &parameter,
                           const std::string &value) {
        auto names = parse_identifiers(value);
        if (!names || !std::ranges::all_of(*names, [](const auto &n) { return is_valid_name(n); }))
            return invalid_here("Parameter \"" + parameter +
                                "\" must be a list of extension names.");
        target = std::move(*names);
        return {};
    }

    std::unexpected<Error> not_in_secondary(const char *parameter) const {
        return invalid_here("Parameter \"" + std::string(parameter) +
                            "\" cannot be set in a secondary extension control file.");
    }

    Lexer lexer_;
    std::string name_;
    bool secondary_;
    ControlFile control_;
    bool has_schema_ = false;
    unsigned line_ = 0;
};

}  // namespace

std::optional<ControlFileName> parse_control_file_name(std::string_view file_name) {
    constexpr std::string_view suffix = ".control";
    if (!file_name.ends_with(suffix)) return std::nullopt;
    file_name.remove_suffix(suffix.size());
    ControlFileName result;
    const std::size_t dashes = file_name.find("--");
    result.extension = file_name.substr(0, dashes);
    if (!is_valid_name(result.extension)) return std::nullopt;
    if (dashes != std::string_view::npos) {
        result.version = file_name.substr(dashes + 2);
        if (!is_valid_version_name(result.version)) return std::nullopt;
    }
    return result;
}

Result<ControlFile> parse_control_file(std::string_view text, std::string_view name,
                                       bool secondary) {
    return Reader(text, name, secondary).read();
}

bool is_valid_version_name(std::string_view version) {
    return !version.empty() && version.find("--") == std::string_view::npos &&
           version.front() != '-' && version.back() != '-' &&
           version.find('/') == std::string_view::npos &&
           version.find('\\') == std::string_view::npos &&
           version.find('\0') == std::string_view::npos;
}

}  // namespace pgx
