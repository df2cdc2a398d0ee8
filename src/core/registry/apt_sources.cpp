#include "core/registry/apt_sources.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>

#include "core/base/names.h"
#include "core/registry/deb822.h"

namespace pgx {

namespace {

constexpr std::uint64_t source_file_limit = 1024 * 1024;
constexpr std::string_view key_block_begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

// One entry of either syntax in common terms: option names are deb822's in lower case, lists are already split.
struct Entry {
    std::string where;
    std::vector<std::string> types, uris, suites, components;
    std::map<std::string, std::string> options;

    std::string option(const std::string &name) const {
        auto found = options.find(name);
        return found == options.end() ? std::string() : found->second;
    }
};

Error malformed(const std::string &where, std::string problem) {
    return Error{ErrorCode::invalid_argument, "could not read apt source at " + where, std::move(problem),
                 "A source looks like \"deb [signed-by=/usr/share/keyrings/example.gpg] "
                 "https://example.org/debian stable main\"; sources.list(5) tells more."};
}

// One-line options have commas where deb822 has spaces; nothing that an option can hold contains either.
std::vector<std::string> option_list(const std::string &value) {
    std::string spaced = value;
    std::replace(spaced.begin(), spaced.end(), ',', ' ');
    return split_words(spaced);
}

// --- one-line syntax ---------------------------------------------------------------------------------------------

// Words of a line; double quotes keep blanks together, "#" outside of a word ends the line, brackets are words of their own.
Result<std::vector<std::string>> one_line_words(std::string_view line, const std::string &where) {
    std::vector<std::string> words;
    std::string word;
    bool quoted = false, bracketed = false;
    auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (char c : line) {
        if (c == '"') {
            quoted = !quoted;
        } else if (quoted) {
            word += c;
        } else if (c == '#' && word.empty()) {
            break;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            end_word();
        } else if (c == '[' && word.empty() && words.size() == 1) {
            words.emplace_back("[");
            bracketed = true;
        } else if (c == ']' && bracketed) {
            end_word();
            words.emplace_back("]");
            bracketed = false;
        } else {
            word += c;
        }
    }
    end_word();
    if (quoted) return fail(malformed(where, "A quotation mark is not closed."));
    if (bracketed) return fail(malformed(where, "The bracket of the options is not closed."));
    return words;
}

// The deb822 name of a one-line option.
std::string option_name(std::string_view name) {
    static constexpr std::pair<std::string_view, std::string_view> renamed[] = {
        {"arch", "architectures"}, {"arch+", "architectures-add"}, {"arch-", "architectures-remove"}};
    std::string key = lower_case(name);
    for (const auto &[from, to] : renamed)
        if (key == from) return std::string(to);
    return key;
}

Result<std::vector<Entry>> parse_one_line(std::string_view text, std::string_view origin) {
    std::vector<Entry> entries;
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        std::string where = std::string(origin) + ":" + std::to_string(++number);
        std::vector<std::string> words = TRY(one_line_words(text.substr(at, end - at), where));
        at = end + 1;
        if (words.empty()) continue;
        Entry entry;
        entry.where = where;
        entry.types = {words[0]};
        if (words[0] != "deb" && words[0] != "deb-src")
            return fail(malformed(where, "It begins with \"" + words[0] +
                                             "\", not with \"deb\" or \"deb-src\"."));
        std::size_t next = 1;
        if (next < words.size() && words[next] == "[") {
            for (++next; next < words.size() && words[next] != "]"; ++next) {
                std::size_t equals = words[next].find('=');
                if (equals == std::string::npos || equals == 0)
                    return fail(malformed(
                        where, "The option \"" + words[next] + "\" is not of the form name=value."));
                entry.options[option_name(std::string_view(words[next]).substr(0, equals))] =
                    words[next].substr(equals + 1);
            }
            ++next;
        }
        if (words.size() < next + 2) return fail(malformed(where, "It lacks a URI or a suite."));
        entry.uris = {words[next]};
        entry.suites = {words[next + 1]};
        entry.components.assign(words.begin() + static_cast<std::ptrdiff_t>(next) + 2, words.end());
        entries.push_back(std::move(entry));
    }
    return entries;
}

// --- deb822 syntax -----------------------------------------------------------------------------------------------

Result<std::vector<Entry>> parse_deb822_sources(std::string_view text, std::string_view origin) {
    auto stanzas = parse_deb822(text, Deb822Reader::Comments::allowed);
    if (!stanzas)
        return fail(malformed(std::string(origin), "In it, " + stanzas.error().message + "."));
    std::vector<Entry> entries;
    for (const Deb822Stanza &stanza : *stanzas) {
        if (!stanza.flag("Enabled", true)) continue;
        Entry entry;
        entry.where = std::string(origin) + ":" + std::to_string(stanza.line());
        entry.types = split_words(stanza.get("Types"));
        entry.uris = split_words(stanza.get("URIs"));
        entry.suites = split_words(stanza.get("Suites"));
        entry.components = split_words(stanza.get("Components"));
        for (const auto &[name, value] : stanza.fields()) entry.options[lower_case(name)] = value;
        for (const auto &[name, list] : {std::pair{"Types", &entry.types},
                                         std::pair{"URIs", &entry.uris},
                                         std::pair{"Suites", &entry.suites}})
            if (list->empty())
                return fail(malformed(entry.where, "The stanza has no field \"" + std::string(name) + "\"."));
        for (const std::string &type : entry.types)
            if (type != "deb" && type != "deb-src")
                return fail(malformed(entry.where, "The type \"" + type + "\" is unknown."));
        entries.push_back(std::move(entry));
    }
    return entries;
}

bool looks_like_deb822(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = trimmed(text.substr(at, end - at));
        at = end + 1;
        if (line.empty() || line.starts_with('#')) continue;
        std::size_t stop = line.find_first_of(": \t");
        return stop != std::string_view::npos && line[stop] == ':';
    }
    return false;
}

// --- from entries to sources -------------------------------------------------------------------------------------

Result<SignedBy> parse_signed_by(const std::string &value, const std::string &where) {
    SignedBy result;
    if (value.find(key_block_begin) != std::string::npos) {
        result.inline_key = unfold_paragraphs(value);
        return result;
    }
    for (std::string &word : option_list(value)) {
        if (word.starts_with('/')) {
            result.paths.push_back(std::move(word));
            continue;
        }
        std::transform(word.begin(), word.end(), word.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
        std::string_view digits = word;
        if (digits.ends_with('!')) digits.remove_suffix(1);
        if ((digits.size() != 40 && digits.size() != 64) ||
            digits.find_first_not_of("0123456789ABCDEF") != std::string_view::npos)
            return fail(malformed(where, "In Signed-By, \"" + word +
                                             "\" is neither an absolute path nor a fingerprint of 40 "
                                             "hexadecimal digits."));
        result.fingerprints.push_back(std::move(word));
    }
    return result;
}

Result<std::optional<std::int64_t>> parse_seconds(const Entry &entry, const std::string &name) {
    std::string text = entry.option(name);
    if (text.empty()) return std::nullopt;
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0)
        return fail(malformed(entry.where, "The value \"" + text + "\" of " + name +
                                               " is not a number of seconds."));
    return value;
}

Result<std::optional<bool>> parse_flag(const Entry &entry, const std::string &name) {
    std::string text = entry.option(name);
    if (text.empty()) return std::nullopt;
    std::optional<bool> value = parse_apt_boolean(text);
    if (!value)
        return fail(malformed(entry.where, "The value \"" + text + "\" of " + name +
                                               " is neither \"yes\" nor \"no\"."));
    return value;
}

bool contains(const std::vector<std::string> &list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

bool wanted_architecture(const Entry &entry, std::string_view architecture) {
    if (contains(option_list(entry.option("architectures-remove")), architecture)) return false;
    if (contains(option_list(entry.option("architectures-add")), architecture)) return true;
    std::vector<std::string> only = option_list(entry.option("architectures"));
    return only.empty() || contains(only, architecture);
}

// Everything but URI, suite and components.
Result<AptSource> common_options(const Entry &entry) {
    AptSource source;
    source.origin = entry.where;
    source.signed_by = TRY(parse_signed_by(entry.option("signed-by"), entry.where));
    source.trusted = TRY(parse_flag(entry, "trusted"));
    for (const char *name : {"allow-insecure", "allow-weak", "allow-downgrade-to-insecure"})
        if (TRY(parse_flag(entry, name)).value_or(false)) source.allow_insecure = true;
    if (lower_case(entry.option("by-hash")) == "force") {
        source.by_hash = ByHash::force;
    } else if (std::optional<bool> by_hash = TRY(parse_flag(entry, "by-hash"))) {
        source.by_hash = *by_hash ? ByHash::yes : ByHash::no;
    }
    source.check_valid_until = TRY(parse_flag(entry, "check-valid-until"));
    source.check_date = TRY(parse_flag(entry, "check-date"));
    source.valid_until_min = TRY(parse_seconds(entry, "valid-until-min"));
    source.valid_until_max = TRY(parse_seconds(entry, "valid-until-max"));
    source.date_max_future = TRY(parse_seconds(entry, "date-max-future"));
    source.inrelease_path = entry.option("inrelease-path");
    if (source.inrelease_path.starts_with('/') || source.inrelease_path.find("://") != std::string::npos)
        return fail(malformed(entry.where, "The value of InRelease-Path is not a relative path."));
    return source;
}

std::string with_architecture(std::string text, std::string_view architecture) {
    constexpr std::string_view variable = "$(ARCH)";
    for (std::size_t at; (at = text.find(variable)) != std::string::npos;)
        text.replace(at, variable.size(), architecture);
    return text;
}

Result<void> add_entry(const Entry &entry, std::string_view architecture, AptSources &to) {
    if (!contains(entry.types, "deb") || !wanted_architecture(entry, architecture)) return {};
    AptSource common = TRY(common_options(entry));
    for (const std::string &written_uri : entry.uris) {
        std::string uri = with_architecture(written_uri, architecture);
        std::size_t colon = uri.find(':');
        if (colon == std::string::npos || colon == 0)
            return fail(malformed(entry.where, "The URI \"" + uri + "\" has no scheme like \"https:\"."));
        std::string scheme = lower_case(uri.substr(0, colon));
        if (scheme != "http" && scheme != "https" && scheme != "file" && scheme != "copy") {
            to.notices.push_back({"skipping apt source at " + entry.where + ": transport \"" + scheme +
                                      "\" is not supported",
                                  "Supported are http, https, file and copy.", ""});
            continue;
        }
        // apt would send them. pgx keeps addresses in tables and the history, which all roles read.
        if (const std::size_t host = uri.find("//"); host != std::string::npos &&
            uri.substr(host + 2, uri.find('/', host + 2) - host - 2).find('@') != std::string::npos) {
            to.notices.push_back({"skipping apt source at " + entry.where + ": its URI contains a user name",
                                  "Addresses appear in messages, tables and the history.", ""});
            continue;
        }
        if (!uri.ends_with('/')) uri += '/';
        for (const std::string &written_suite : entry.suites) {
            AptSource source = common;
            source.uri = uri;
            source.suite = with_architecture(written_suite, architecture);
            source.components = entry.components;
            if (source.flat() && !source.components.empty())
                return fail(malformed(entry.where, "The suite \"" + source.suite +
                                                       "\" ends with a slash, so there can be no components."));
            if (!source.flat() && source.components.empty())
                return fail(malformed(entry.where, "It lacks a component, like \"main\"."));
            AptSources one;
            one.sources.push_back(std::move(source));
            TRY(merge_apt_sources(to, std::move(one)));
        }
    }
    return {};
}

template <typename T>
bool merge_option(std::optional<T> &to, const std::optional<T> &from) {
    if (!from) return true;
    if (to && *to != *from) return false;
    to = from;
    return true;
}

}  // namespace

std::string AptSource::name() const {
    std::string shown = uri;
    while (shown.ends_with('/') && !shown.ends_with(":/") && !shown.ends_with("//")) shown.pop_back();
    std::size_t host = shown.find("://");
    std::size_t at = host == std::string::npos ? host : shown.find('@', host + 3);
    if (at != std::string::npos && at < shown.find('/', host + 3)) shown.erase(host + 3, at - host - 2);
    return shown + " " + suite;
}

std::string AptSource::release_directory() const {
    if (suite == "/") return uri;
    return flat() ? uri + suite : uri + "dists/" + suite + "/";
}

Result<AptSources> parse_apt_sources(std::string_view text, SourceSyntax syntax, std::string_view origin,
                                     std::string_view architecture) {
    if (syntax == SourceSyntax::detect)
        syntax = looks_like_deb822(text) ? SourceSyntax::deb822 : SourceSyntax::one_line;
    std::vector<Entry> entries = TRY(syntax == SourceSyntax::deb822 ? parse_deb822_sources(text, origin)
                                                                    : parse_one_line(text, origin));
    AptSources result;
    for (const Entry &entry : entries) TRY(add_entry(entry, architecture, result));
    return result;
}

Result<void> merge_apt_sources(AptSources &to, AptSources more) {
    for (AptSource &source : more.sources) {
        auto same = std::find_if(to.sources.begin(), to.sources.end(), [&](const AptSource &other) {
            return other.uri == source.uri && other.suite == source.suite;
        });
        if (same == to.sources.end()) {
            to.sources.push_back(std::move(source));
            continue;
        }
        bool agree = source.signed_by.empty() || same->signed_by.empty() ||
                     source.signed_by == same->signed_by;
        if (same->signed_by.empty()) same->signed_by = source.signed_by;
        agree &= merge_option(same->trusted, source.trusted);
        agree &= merge_option(same->by_hash, source.by_hash);
        agree &= merge_option(same->check_valid_until, source.check_valid_until);
        agree &= merge_option(same->check_date, source.check_date);
        agree &= merge_option(same->valid_until_min, source.valid_until_min);
        agree &= merge_option(same->valid_until_max, source.valid_until_max);
        agree &= merge_option(same->date_max_future, source.date_max_future);
        if (same->inrelease_path.empty()) same->inrelease_path = source.inrelease_path;
        agree &= source.inrelease_path.empty() || source.inrelease_path == same->inrelease_path;
        same->allow_insecure |= source.allow_insecure;
        if (!agree)
            return fail(ErrorCode::invalid_argument,
                        "apt sources contradict each other about repository \"" + source.name() + "\"",
                        "The entries at " + same->origin + " and " + source.origin +
                            " set one of Signed-By, Trusted, By-Hash and the options on dates to different values.",
                        "Give both entries the same options.");
        for (std::string &component : source.components)
            if (!contains(same->components, component)) same->components.push_back(std::move(component));
    }
    for (SourceNotice &notice : more.notices) to.notices.push_back(std::move(notice));
    return {};
}

std::string resolved_path(const std::string &path) {
    struct Free {
        void operator()(char *p) const { std::free(p); }
    };
    std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
    return real ? std::string(real.get()) : path;
}

Result<std::string> read_host_file(FileSystem &fs, const std::string &path, std::uint64_t limit) {
    return fs.read(resolved_path(path), limit);
}

Result<std::vector<std::string>> list_configuration_files(FileSystem &fs, const std::string &directory,
                                                          const std::vector<std::string> &endings) {
    std::vector<std::string> names = TRY(fs.list(resolved_path(directory)));
    std::erase_if(names, [&](const std::string &name) {
        bool readable = !name.starts_with('.') &&
                        std::all_of(name.begin(), name.end(), [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
                        });
        return !readable || std::none_of(endings.begin(), endings.end(),
                                         [&](const std::string &ending) { return name.ends_with(ending); });
    });
    return names;
}

Result<AptSources> read_host_apt_sources(const AptConfig &config, std::string_view architecture,
                                         FileSystem &fs) {
    std::vector<std::string> files;
    if (std::string list = config.path("Dir::Etc::sourcelist"); !list.empty())
        if (TRY(fs.info(resolved_path(list)))) files.push_back(list);
    if (std::string parts = config.path("Dir::Etc::sourceparts"); !parts.empty())
        for (const std::string &name : TRY(list_configuration_files(fs, parts, {".list", ".sources"})))
            files.push_back(join_path(parts, name));

    AptSources result;
    for (const std::string &file : files) {
        auto text = read_host_file(fs, file, source_file_limit);
        if (!text && text.error().code == ErrorCode::permission_denied) {
            result.notices.push_back({"skipping apt sources in file \"" + file + "\"",
                                      "The user that runs the server may not read it.",
                                      "To use them, make the file readable for that user."});
            continue;
        }
        // "/dev/null" is how people switch a list off.
        if (!text && file == "/dev/null") continue;
        if (!text) return fail(std::move(text).error());
        SourceSyntax syntax = file.ends_with(".sources") ? SourceSyntax::deb822 : SourceSyntax::one_line;
        AptSources more = TRY(parse_apt_sources(*text, syntax, file, architecture));
        TRY(merge_apt_sources(result, std::move(more)));
    }
    return result;
}

}  // namespace pgx
