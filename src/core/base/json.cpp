// json.cpp - a checked way into nlohmann_json.
//
// The document is built in one pass from the library's SAX events, because only there can depth and
// duplicate keys be seen before memory is spent on them.  The library's parser keeps its state on
// the heap, not on the stack, so a million opening brackets are refused at the first one too many.
#include "core/base/json.h"

#include <limits>
#include <new>
#include <optional>
#include <utility>

namespace pgx {

namespace {

// Builds the document; each function returns false to stop the parser, after setting `error_`.
class Builder : public nlohmann::json_sax<Json> {
   public:
    explicit Builder(std::size_t depth) : depth_(depth) {}

    bool null() override { return add(Json(nullptr)); }
    bool boolean(bool value) override { return add(Json(value)); }
    bool number_integer(number_integer_t value) override { return add(Json(value)); }
    bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
    bool number_float(number_float_t value, const string_t &) override { return add(Json(value)); }
    bool string(string_t &value) override { return add(Json(std::move(value))); }
    bool binary(binary_t &) override { return stop("binary values are not JSON"); }
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t &name) override {
        if (open_.back()->contains(name)) return stop("duplicate key \"" + name + "\"");
        key_ = std::move(name);
        return true;
    }

    bool parse_error(std::size_t position, const std::string &token,
                     const nlohmann::detail::exception &error) override {
        // The library ends its texts with what it expected; the head is its own name and number.
        std::string what = error.what();
        if (const auto head = what.find("] "); head != std::string::npos) what.erase(0, head + 2);
        (void)token;
        return stop(what + " (at byte " + std::to_string(position) + ")");
    }

    Json take() { return std::move(root_); }
    const std::string &error() const { return error_; }

   private:
    bool stop(std::string why) {
        error_ = std::move(why);
        return false;
    }

    // Where the next value goes. Elements of an array move when it grows, but only its last element
    // can be open then, and that is the one added.
    Json *place(Json &&value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        Json &parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        Json &member = parent[key_];
        member = std::move(value);
        return &member;
    }

    bool add(Json &&value) {
        place(std::move(value));
        return true;
    }

    bool open(Json &&container) {
        if (open_.size() >= depth_)
            return stop("nested more than " + std::to_string(depth_) + " levels deep");
        open_.push_back(place(std::move(container)));
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    std::size_t depth_;
    Json root_;
    std::vector<Json *> open_;
    std::string key_;
    std::string error_;
};

std::unexpected<Error> wrong_member(const char *member, const char *wanted) {
    return fail(ErrorCode::invalid_argument,
                "member \"" + std::string(member) + "\" must be " + std::string(wanted));
}

// The member, or nullptr when it is absent or null.
const Json *find_member(const Json &object, const char *member) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(member);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::unexpected<Error> missing_member(const Json &object, const char *member) {
    if (!object.is_object())
        return fail(ErrorCode::invalid_argument,
                    "member \"" + std::string(member) + "\" is missing: not an object");
    return fail(ErrorCode::invalid_argument, "member \"" + std::string(member) + "\" is missing");
}

Result<std::string> as_string(const Json &value, const char *member, const char *wanted) {
    const auto *text = value.get_ptr<const std::string *>();
    if (text == nullptr) return wrong_member(member, wanted);
    if (text->find('\0') != std::string::npos)
        return fail(ErrorCode::invalid_argument,
                    "member \"" + std::string(member) + "\" contains a NUL character");
    return *text;
}

Result<std::uint64_t> as_unsigned(const Json &value, const char *member) {
    if (const auto *number = value.get_ptr<const Json::number_unsigned_t *>()) return *number;
    // What this program builds from an int is signed, whatever its value.
    const auto *number = value.get_ptr<const Json::number_integer_t *>();
    if (number == nullptr || *number < 0)
        return wrong_member(member, "a whole number of 0 or more");
    return static_cast<std::uint64_t>(*number);
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
    if (text.size() > limits.bytes)
        return fail(ErrorCode::invalid_argument,
                    "invalid JSON: longer than " + std::to_string(limits.bytes) + " bytes");
    try {
        Builder builder(limits.depth);
        if (!Json::sax_parse(text.begin(), text.end(), &builder))
            return fail(ErrorCode::invalid_argument, "invalid JSON: " + builder.error());
        return builder.take();
    } catch (const std::bad_alloc &) {
        return fail(ErrorCode::out_of_memory, "out of memory while reading JSON");
    } catch (const std::exception &error) {
        return fail(ErrorCode::internal, std::string("could not read JSON: ") + error.what());
    }
}

std::string dump_json(const Json &json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> json_string(const Json &object, const char *member) {
    const Json *value = find_member(object, member);
    if (value == nullptr) return missing_member(object, member);
    return as_string(*value, member, "a string");
}

Result<std::string> json_string(const Json &object, const char *member, std::string fallback) {
    const Json *value = find_member(object, member);
    if (value == nullptr) return fallback;
    return as_string(*value, member, "a string");
}

Result<std::uint64_t> json_unsigned(const Json &object, const char *member) {
    const Json *value = find_member(object, member);
    if (value == nullptr) return missing_member(object, member);
    return as_unsigned(*value, member);
}

Result<std::uint64_t> json_unsigned(const Json &object, const char *member,
                                    std::uint64_t fallback) {
    const Json *value = find_member(object, member);
    if (value == nullptr) return fallback;
    return as_unsigned(*value, member);
}

Result<bool> json_bool(const Json &object, const char *member, bool fallback) {
    const Json *value = find_member(object, member);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) return wrong_member(member, "true or false");
    return value->get<bool>();
}

Result<std::vector<std::string>> json_strings(const Json &object, const char *member) {
    std::vector<std::string> result;
    const Json *value = find_member(object, member);
    if (value == nullptr) return result;
    if (!value->is_array()) return wrong_member(member, "an array of strings");
    for (const Json &element : *value)
        result.push_back(TRY(as_string(element, member, "an array of strings")));
    return result;
}

}  // namespace pgx
