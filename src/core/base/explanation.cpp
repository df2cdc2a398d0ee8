#include "core/base/explanation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/base/debian_version.h"

namespace pgx {

namespace {

// Nobody reads more, and some clients show all of it.
constexpr std::size_t lines_limit = 40;

// "a", "a or b", "a, b or c"
std::string joined(const std::vector<std::string> &parts, const std::string &last) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); i++)
        text += (i == 0 ? "" : i + 1 == parts.size() ? " " + last + " " : ", ") + parts[i];
    return text;
}

std::string capitalized(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

// Any version of what is needed is just the package.
std::string needed_text(const PackageVersions &package, const CandidateSet &set) {
    return set.members().size() == package.versions.size() ? package.name
                                                           : range_text(package, set);
}

// Two reasons; one with a comma in it gets another one behind it.
std::string both(const std::string &a, const std::string &b) {
    return a + (a.find(", ") == std::string::npos ? " and " : ", and ") + b;
}

class Writer {
   public:
    Writer(const std::vector<Incompatibility> &all, const std::vector<PackageVersions> &packages)
        : all_(all), packages_(packages) {}

    std::string run(std::size_t root);

   private:
    bool is_derived(std::size_t number) const {
        return all_[number].kind == Incompatibility::Kind::derived;
    }
    std::string clause(std::size_t number) const;
    std::string clause_of_terms(const std::vector<Term> &terms) const;
    std::string numbered_clause(std::size_t number) const;
    void count(std::size_t root);
    bool is_one_line(std::size_t number) const;
    void tell(std::size_t number, const std::string &reasons, bool needs_number);
    void visit(std::size_t number, bool is_conclusion);
    void visit_two(std::size_t number, bool is_conclusion);
    void visit_one(std::size_t number, bool is_conclusion);

    const std::vector<Incompatibility> &all_;
    const std::vector<PackageVersions> &packages_;
    std::map<std::size_t, int> uses_;
    std::map<std::size_t, std::size_t> line_numbers_;
    std::vector<std::string> lines_;
};

// What follows from the reasons, as half a sentence.
std::string Writer::clause_of_terms(const std::vector<Term> &terms) const {
    std::vector<std::string> there, needed;
    for (const Term &term : terms)
        if (term.set.contains_none())
            needed.push_back(needed_text(packages_[term.package], term.set.complement()));
        else
            there.push_back(range_text(packages_[term.package], term.set));
    if (there.empty() && needed.empty()) return "what you asked for cannot be installed";
    if (there.empty()) return joined(needed, "or") + " has to be installed";
    if (!needed.empty())
        return joined(there, "together with") + (there.size() == 1 ? " needs " : " need ") +
               joined(needed, "or");
    if (there.size() > 1) return joined(there, "and") + " cannot be installed together";
    const Term &only = terms.front();
    if (const std::size_t count = only.set.candidates();
        count > 1 && only.set.members().size() == count)
        return "no version of " + packages_[only.package].name + " can be installed";
    return there.front() + " cannot be installed";
}

std::string Writer::clause(std::size_t number) const {
    const Incompatibility &reason = all_[number];
    if (reason.kind == Incompatibility::Kind::derived) return clause_of_terms(reason.terms);
    if (reason.kind == Incompatibility::Kind::asked) return reason.text;
    return range_text(packages_[reason.terms.front().package], reason.terms.front().set) + " " +
           reason.text;
}

std::string Writer::numbered_clause(std::size_t number) const {
    const auto line = line_numbers_.find(number);
    return clause(number) +
           (line == line_numbers_.end() ? "" : " (" + std::to_string(line->second) + ")");
}

// How often each derived reason is used; a list instead of recursion, as chains may be long.
void Writer::count(std::size_t root) {
    std::vector<std::size_t> open{root};
    while (!open.empty()) {
        const std::size_t number = open.back();
        open.pop_back();
        if (!is_derived(number) || ++uses_[number] > 1) continue;
        open.push_back(all_[number].left);
        open.push_back(all_[number].right);
    }
}

bool Writer::is_one_line(std::size_t number) const {
    return !is_derived(all_[number].left) && !is_derived(all_[number].right);
}

void Writer::tell(std::size_t number, const std::string &reasons, bool needs_number) {
    std::string line = capitalized(reasons + ", " + clause(number));
    if (needs_number) {
        const std::size_t next = line_numbers_.size() + 1;
        line_numbers_.emplace(number, next);
        line += " (" + std::to_string(next) + ")";
    }
    lines_.push_back(line + ".");
}

void Writer::visit(std::size_t number, bool is_conclusion) {
    const Incompatibility &reason = all_[number];
    const bool left = is_derived(reason.left), right = is_derived(reason.right);
    if (left && right) return visit_two(number, is_conclusion);
    if (left || right) return visit_one(number, is_conclusion);
    tell(number, "because " + both(clause(reason.left), clause(reason.right)),
         is_conclusion || uses_[number] > 1);
}

// Both reasons are derived.
void Writer::visit_two(std::size_t number, bool is_conclusion) {
    const bool needs_number = is_conclusion || uses_[number] > 1;
    std::size_t left = all_[number].left, right = all_[number].right;
    const bool left_told = line_numbers_.contains(left), right_told = line_numbers_.contains(right);
    if (left_told && right_told)
        return tell(number, "because " + both(numbered_clause(left), numbered_clause(right)),
                    needs_number);
    if (left_told || right_told) {
        if (right_told) std::swap(left, right);  // `left` has been told
        visit(right, false);
        return tell(number, "and because " + numbered_clause(left), needs_number);
    }
    if (is_one_line(left) || is_one_line(right)) {
        if (is_one_line(left)) std::swap(left, right);  // what takes long comes first
        visit(left, true);
        // It may have been told on the way.
        if (line_numbers_.contains(right))
            return tell(number, "and because " + numbered_clause(right), needs_number);
        visit(right, false);
        return tell(number, "and because " + numbered_clause(left), needs_number);
    }
    visit(left, true);
    if (line_numbers_.contains(right))
        return tell(number, "because " + both(numbered_clause(left), numbered_clause(right)),
                    needs_number);
    visit(right, false);
    tell(number, "and because " + numbered_clause(left), needs_number);
}

// One is, the other was known.
void Writer::visit_one(std::size_t number, bool is_conclusion) {
    const bool needs_number = is_conclusion || uses_[number] > 1;
    std::size_t derived = all_[number].left, known = all_[number].right;
    if (is_derived(known)) std::swap(derived, known);
    if (line_numbers_.contains(derived))
        return tell(number, "because " + both(clause(known), numbered_clause(derived)),
                    needs_number);
    // A step whose own result nobody needs is told together with the next one.
    const bool left = is_derived(all_[derived].left), right = is_derived(all_[derived].right);
    if (left != right && uses_[derived] == 1) {
        const std::size_t inner = left ? all_[derived].left : all_[derived].right;
        const std::size_t other = left ? all_[derived].right : all_[derived].left;
        if (!line_numbers_.contains(inner)) {
            visit(inner, false);
            return tell(number, "and because " + both(clause(other), clause(known)), needs_number);
        }
    }
    visit(derived, false);
    tell(number, "and because " + clause(known), needs_number);
}

std::string Writer::run(std::size_t root) {
    if (is_derived(root)) {
        count(root);
        visit(root, false);
    } else {
        lines_.push_back(capitalized(clause(root)) + ".");
    }
    std::string text;
    const std::size_t skipped = lines_.size() > lines_limit ? lines_.size() - lines_limit : 0;
    if (skipped > 0) text = "(" + std::to_string(skipped) + " steps before these are left out.)\n";
    for (std::size_t i = skipped; i < lines_.size(); i++)
        text += (i == skipped ? "" : "\n") + lines_[i];
    return text;
}

}  // namespace

std::string range_text(const PackageVersions &package, const CandidateSet &set) {
    // Candidates come in the order of preference; ranges go by version. What two registries offer
    // in one version is one step of the range.
    std::vector<std::string> ascending = package.versions;
    std::ranges::sort(ascending, [](const std::string &a, const std::string &b) {
        return compare_debian_versions(a, b) < 0;
    });
    ascending.erase(std::unique(ascending.begin(), ascending.end()), ascending.end());
    std::set<std::string> in;
    for (const std::size_t member : set.members()) in.insert(package.versions[member]);
    if (in.size() == ascending.size() && ascending.size() > 1)
        return "every version of " + package.name;
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin < ascending.size();) {
        std::size_t end = begin;
        while (end < ascending.size() && in.contains(ascending[end])) end++;
        if (end - begin == 1)
            parts.push_back(ascending[begin]);
        else if (end - begin > 1 && end == ascending.size())
            parts.push_back(">= " + ascending[begin]);
        else if (end - begin > 1 && begin == 0)
            parts.push_back("<= " + ascending[end - 1]);
        else if (end - begin > 1)
            parts.push_back(ascending[begin] + " to " + ascending[end - 1]);
        begin = std::max(end, begin + 1);
    }
    return package.name + " " + joined(parts, "or");
}

std::string explanation(const std::vector<Incompatibility> &incompatibilities, std::size_t root,
                        const std::vector<PackageVersions> &packages) {
    return Writer(incompatibilities, packages).run(root);
}

}  // namespace pgx
