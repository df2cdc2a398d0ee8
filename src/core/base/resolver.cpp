#include "core/base/resolver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/explanation.h"
#include "core/base/incompatibility.h"

namespace pgx {

namespace {

// Incompatibilities that are looked at, some seconds. Real requests need some hundreds, and a
// registry must not be able to keep a server busy.
constexpr std::size_t work_limit = 10'000'000;
// Going back to the first choice that could be another one means to make all those after it again,
// which a chain of a thousand packages would do for each version of each. From farther away only
// the last choice is taken back; that is sound, and the rest follows when it is needed (Nadel and
// Ryvchin, "Chronological Backtracking").
constexpr std::size_t far_back = 50;
// Each round looks closer at one more candidate at least.
constexpr int rounds_limit = 100;
constexpr std::size_t no_cause = static_cast<std::size_t>(-1);

// One step of the solution so far: a choice, or what follows from an incompatibility.
struct Assignment {
    std::size_t package;
    CandidateSet own;     // what this step says
    CandidateSet so_far;  // with all steps before it
    std::size_t level;    // the number of choices up to here
    std::size_t cause;    // no_cause: a choice
};

struct Package {
    Package(std::string its_name, std::size_t count)
        : name(std::move(its_name)),
          candidates(count),
          everything(CandidateSet::everything(count)),
          is_known(count, false) {}

    std::string name;
    std::size_t candidates = 0;
    CandidateSet everything;
    std::vector<std::size_t> steps;     // in the trail
    std::vector<std::size_t> concerns;  // incompatibilities with a term about it
    std::optional<std::size_t> chosen;
    std::vector<bool> is_known;  // candidates whose relations were added
    bool late = false, asked_for = false;
};

// A requirement that several packages can meet.
struct Alternatives {
    std::optional<std::pair<std::size_t, std::size_t>> of;  // package and candidate
    std::vector<Term> any_of;
};

struct Requester {
    std::size_t package, candidate;
};

class Solver {
   public:
    explicit Solver(ResolverProvider &provider) : provider_(provider) {}

    Result<Selection> run();

   private:
    enum class Truth { holds, fails, open };

    Result<std::size_t> package_number(const std::string &name);
    Result<void> require(const Requirement &requirement, std::optional<Requester> requester);
    Result<void> exclude(const Exclusion &exclusion, Requester requester);
    Result<void> add_relations(Requester requester);
    void add_merged(Incompatibility incompatibility);
    std::size_t add(Incompatibility incompatibility);

    const CandidateSet &state(std::size_t package) const;
    Truth truth(const Term &term) const;
    void assign(std::size_t package, CandidateSet set, std::size_t cause);
    Result<void> propagate(std::vector<std::size_t> changed);
    Result<std::size_t> learn_from(std::size_t conflict);
    Incompatibility resolvent(std::size_t left, std::size_t right, std::size_t package) const;
    void take_back(std::size_t level);

    std::optional<std::pair<std::size_t, std::size_t>> next_choice();
    std::optional<std::pair<std::size_t, std::size_t>> next_alternative() const;
    Error failure(std::size_t root) const;

    ResolverProvider &provider_;
    std::vector<Package> packages_;
    std::map<std::string, std::size_t> numbers_;
    std::vector<PackageVersions> versions_;
    std::vector<Incompatibility> incompatibilities_;
    std::map<std::pair<std::size_t, std::string>, std::size_t> mergeable_;
    std::vector<Alternatives> alternatives_;
    std::vector<Assignment> trail_;
    std::size_t level_ = 0;
    std::size_t next_ = 0, next_late_ = 0;  // steps before these have nothing left to be chosen
    std::size_t work_ = 0;
    std::optional<std::size_t> hopeless_;  // an incompatibility without terms
};

// Adds a term; of two about one package both have to hold. False when they cannot.
bool add_term(std::vector<Term> &terms, Term term) {
    for (Term &other : terms)
        if (other.package == term.package) {
            other.set = other.set & term.set;
            return !other.set.is_empty();
        }
    terms.push_back(std::move(term));
    return !terms.back().set.is_empty();
}

Result<std::size_t> Solver::package_number(const std::string &name) {
    if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
    std::vector<std::string> versions = TRY(provider_.candidates(name));
    packages_.emplace_back(name, versions.size());
    versions_.push_back({name, std::move(versions)});
    numbers_.emplace(name, packages_.size() - 1);
    return packages_.size() - 1;
}

std::size_t Solver::add(Incompatibility incompatibility) {
    const std::size_t number = incompatibilities_.size();
    for (const Term &term : incompatibility.terms)
        packages_[term.package].concerns.push_back(number);
    if (incompatibility.terms.empty() && !hopeless_) hopeless_ = number;
    incompatibilities_.push_back(std::move(incompatibility));
    return number;
}

// What several candidates of a package say in the same words is one statement about all of them:
// fewer steps to derive, and fewer sentences to read.
void Solver::add_merged(Incompatibility incompatibility) {
    const std::size_t subject = incompatibility.terms.front().package;
    const auto [entry, is_new] =
        mergeable_.try_emplace({subject, incompatibility.text}, incompatibilities_.size());
    if (!is_new) {
        const std::vector<Term> &before = incompatibilities_[entry->second].terms;
        const bool same = std::equal(
            before.begin() + 1, before.end(), incompatibility.terms.begin() + 1,
            incompatibility.terms.end(),
            [](const Term &a, const Term &b) { return a.package == b.package && a.set == b.set; });
        if (same) {
            incompatibility.terms.front().set =
                incompatibility.terms.front().set | before.front().set;
            // The wider statement takes its place.
            for (const Term &term : before)
                std::erase(packages_[term.package].concerns, entry->second);
        }
        entry->second = incompatibilities_.size();
    }
    add(std::move(incompatibility));
}

Result<void> Solver::require(const Requirement &requirement, std::optional<Requester> requester) {
    Incompatibility incompatibility;
    incompatibility.kind = Incompatibility::Kind::asked;
    incompatibility.text = requirement.text;
    incompatibility.hint = requirement.hint;
    bool can_hold = true;
    if (requester) {
        incompatibility.kind = Incompatibility::Kind::dependency;
        const std::size_t count = packages_[requester->package].candidates;
        add_term(incompatibility.terms,
                 {requester->package, CandidateSet::of(count, {requester->candidate})});
    }
    Alternatives alternatives;
    if (requester) alternatives.of = {requester->package, requester->candidate};
    for (const PackageChoice &choice : requirement.any_of) {
        const std::size_t package = TRY(package_number(choice.package));
        const CandidateSet set = CandidateSet::of(packages_[package].candidates, choice.candidates);
        if (set.is_empty()) continue;
        can_hold = add_term(incompatibility.terms, {package, set.complement()}) && can_hold;
        alternatives.any_of.push_back({package, set});
        if (requester) continue;
        // What is asked for by name is not put off because it is there already.
        packages_[package].asked_for = packages_[package].asked_for || !requirement.late;
        packages_[package].late = !packages_[package].asked_for;
    }
    if (!can_hold) return {};  // it is met by what requires it
    if (alternatives.any_of.size() > 1) alternatives_.push_back(std::move(alternatives));
    if (requester)
        add_merged(std::move(incompatibility));
    else
        add(std::move(incompatibility));
    return {};
}

Result<void> Solver::exclude(const Exclusion &exclusion, Requester requester) {
    const std::size_t other = TRY(package_number(exclusion.with.package));
    const CandidateSet set =
        CandidateSet::of(packages_[other].candidates, exclusion.with.candidates);
    // A package does not exclude itself.
    if (other == requester.package || set.is_empty()) return {};
    Incompatibility incompatibility;
    incompatibility.kind = Incompatibility::Kind::conflict;
    incompatibility.text = exclusion.text;
    incompatibility.hint = exclusion.hint;
    const std::size_t count = packages_[requester.package].candidates;
    add_term(incompatibility.terms,
             {requester.package, CandidateSet::of(count, {requester.candidate})});
    add_term(incompatibility.terms, {other, set});
    add_merged(std::move(incompatibility));
    return {};
}

Result<void> Solver::add_relations(Requester requester) {
    if (packages_[requester.package].is_known[requester.candidate]) return {};
    packages_[requester.package].is_known[requester.candidate] = true;
    const Relations relations =
        TRY(provider_.relations(packages_[requester.package].name, requester.candidate));
    for (const Requirement &requirement : relations.requirements)
        TRY(require(requirement, requester));
    for (const Exclusion &exclusion : relations.exclusions) TRY(exclude(exclusion, requester));
    return {};
}

const CandidateSet &Solver::state(std::size_t package) const {
    const Package &known = packages_[package];
    return known.steps.empty() ? known.everything : trail_[known.steps.back()].so_far;
}

Solver::Truth Solver::truth(const Term &term) const {
    const CandidateSet &now = state(term.package);
    if (!now.intersects(term.set)) return Truth::fails;
    return now.is_subset_of(term.set) ? Truth::holds : Truth::open;
}

void Solver::assign(std::size_t package, CandidateSet set, std::size_t cause) {
    CandidateSet so_far = state(package) & set;
    packages_[package].steps.push_back(trail_.size());
    trail_.push_back({package, std::move(set), std::move(so_far), level_, cause});
}

void Solver::take_back(std::size_t level) {
    while (!trail_.empty() && trail_.back().level > level) {
        Package &package = packages_[trail_.back().package];
        if (trail_.back().cause == no_cause) package.chosen.reset();
        package.steps.pop_back();
        trail_.pop_back();
    }
    level_ = level;
    // What was chosen behind these has to be chosen again.
    next_ = next_late_ = 0;
}

// Follows what the changes imply until nothing more does, learning from each contradiction.
Result<void> Solver::propagate(std::vector<std::size_t> changed) {
    while (!changed.empty()) {
        const std::size_t package = changed.back();
        changed.pop_back();
        // What was learnt last says most, and the list grows while it is gone through.
        const std::vector<std::size_t> concerns = packages_[package].concerns;
        for (auto number = concerns.rbegin(); number != concerns.rend(); ++number) {
            work_++;
            const Term *open = nullptr;
            bool is_idle = false;
            for (const Term &term : incompatibilities_[*number].terms) {
                const Truth now = truth(term);
                if (now == Truth::holds) continue;
                if (now == Truth::fails || open != nullptr) {
                    is_idle = true;
                    break;
                }
                open = &term;
            }
            if (is_idle) continue;
            if (open != nullptr) {
                const std::size_t concerned = open->package;
                assign(concerned, open->set.complement(), *number);
                changed.push_back(concerned);
                continue;
            }
            // All of it holds, which cannot be. After going back, all but one term does.
            const std::size_t learnt = TRY(learn_from(*number));
            changed.clear();
            for (const Term &term : incompatibilities_[learnt].terms)
                if (truth(term) != Truth::holds) {
                    const std::size_t concerned = term.package;
                    assign(concerned, term.set.complement(), learnt);
                    changed.push_back(concerned);
                    break;
                }
            break;
        }
    }
    return {};
}

// What follows from two incompatibilities when it does not matter what a package is.
Incompatibility Solver::resolvent(std::size_t left, std::size_t right, std::size_t package) const {
    Incompatibility result;
    result.left = left;
    result.right = right;
    std::optional<CandidateSet> either;
    for (const std::size_t from : {left, right})
        for (const Term &term : incompatibilities_[from].terms)
            if (term.package != package)
                add_term(result.terms, term);
            else
                either = either ? *either | term.set : term.set;
    if (either && !either->is_everything()) result.terms.push_back({package, *either});
    return result;
}

// Conflict resolution: from an incompatibility all of whose terms hold to the one that is the
// reason, and back to where that leaves something to do. Its number.
Result<std::size_t> Solver::learn_from(std::size_t conflict) {
    if (work_ > work_limit)
        return fail(
            ErrorCode::limit_exceeded, "could not find versions that fit together",
            "After " + std::to_string(work_limit) + " steps it is not known whether there are any.",
            "Name versions, as in pgx.install('name@1.0'), or fewer extensions at once.");
    std::size_t current = conflict;
    while (true) {
        const std::vector<Term> &terms = incompatibilities_[current].terms;
        if (terms.empty()) return fail(failure(current));
        // For each term, the step with which it came to hold; the last of these is the one to
        // blame.
        std::size_t blamed = 0, before = 0;  // a step; the level of the last of the others
        const Term *blamed_term = nullptr;
        for (const Term &term : terms) {
            const std::vector<std::size_t> &steps = packages_[term.package].steps;
            const std::size_t step = *std::ranges::find_if(steps, [&](std::size_t index) {
                return trail_[index].so_far.is_subset_of(term.set);
            });
            if (blamed_term == nullptr || step > blamed) {
                if (blamed_term != nullptr) before = std::max(before, trail_[blamed].level);
                blamed = step;
                blamed_term = &term;
            } else {
                before = std::max(before, trail_[step].level);
            }
        }
        const Assignment &to_blame = trail_[blamed];
        // It may have been the last straw only, with earlier steps of its package.
        if (!to_blame.own.is_subset_of(blamed_term->set))
            for (const std::size_t step : packages_[blamed_term->package].steps)
                if ((trail_[step].so_far & to_blame.own).is_subset_of(blamed_term->set)) {
                    before = std::max(before, trail_[step].level);
                    break;
                }
        if (to_blame.cause == no_cause || before < to_blame.level) {
            take_back(level_ - before > far_back ? to_blame.level - 1 : before);
            return current;
        }
        current = add(resolvent(current, to_blame.cause, to_blame.package));
    }
}

// The best candidate of what has to be there and was not chosen yet, in the order in which that
// became known.
std::optional<std::pair<std::size_t, std::size_t>> Solver::next_choice() {
    for (const bool late : {false, true})
        for (std::size_t &step = late ? next_late_ : next_; step < trail_.size(); step++) {
            const std::size_t number = trail_[step].package;
            const Package &package = packages_[number];
            if (package.chosen || package.late != late) continue;
            // A later step may say that it has to be there; this one did not.
            if (trail_[step].so_far.contains_none()) continue;
            return std::pair{number, *state(number).first()};
        }
    return next_alternative();
}

// For a requirement that what was chosen does not meet yet.
std::optional<std::pair<std::size_t, std::size_t>> Solver::next_alternative() const {
    for (const Alternatives &alternatives : alternatives_) {
        if (alternatives.of && packages_[alternatives.of->first].chosen != alternatives.of->second)
            continue;
        const bool is_met = std::ranges::any_of(alternatives.any_of, [&](const Term &term) {
            const std::optional<std::size_t> chosen = packages_[term.package].chosen;
            return chosen && term.set.contains(*chosen);
        });
        if (is_met) continue;
        for (const Term &term : alternatives.any_of)
            if (const auto best = (state(term.package) & term.set).first())
                return std::pair{term.package, *best};
    }
    return std::nullopt;
}

Error Solver::failure(std::size_t root) const {
    Error error{ErrorCode::dependency_missing, "could not find versions that fit together",
                explanation(incompatibilities_, root, versions_)};
    // Whose fault it is: the leaves of the tree of reasons.
    std::vector<std::size_t> open{root};
    std::vector<bool> seen(incompatibilities_.size(), false);
    std::vector<std::string> hints;
    bool is_missing = false;
    while (!open.empty()) {
        const std::size_t number = open.back();
        open.pop_back();
        if (seen[number]) continue;
        seen[number] = true;
        const Incompatibility &reason = incompatibilities_[number];
        if (reason.kind == Incompatibility::Kind::derived) {
            open.insert(open.end(), {reason.right, reason.left});
            continue;
        }
        if (reason.kind == Incompatibility::Kind::conflict)
            error.code = ErrorCode::package_conflict;
        if (reason.kind == Incompatibility::Kind::dependency && reason.terms.size() == 1)
            is_missing = true;
        if (reason.kind == Incompatibility::Kind::asked && reason.terms.empty()) is_missing = true;
        if (!reason.hint.empty() && std::ranges::find(hints, reason.hint) == hints.end())
            hints.push_back(reason.hint);
    }
    if (!is_missing) error.code = ErrorCode::package_conflict;
    for (const std::string &hint : hints) error.hint += (error.hint.empty() ? "" : " ") + hint;
    return error;
}

Result<Selection> Solver::run() {
    for (const Requirement &requirement : TRY(provider_.requirements()))
        TRY(require(requirement, std::nullopt));
    if (hopeless_) return fail(failure(*hopeless_));
    // Every package that they name is to be looked at.
    std::vector<std::size_t> changed;
    for (std::size_t package = packages_.size(); package-- > 0;) changed.push_back(package);
    TRY(propagate(std::move(changed)));
    while (const auto choice = next_choice()) {
        const auto [package, candidate] = *choice;
        level_++;
        assign(package, CandidateSet::of(packages_[package].candidates, {candidate}), no_cause);
        packages_[package].chosen = candidate;
        TRY(add_relations({package, candidate}));
        TRY(propagate({package}));
    }
    Selection selection;
    for (const Package &package : packages_)
        if (package.chosen) selection.emplace(package.name, *package.chosen);
    return selection;
}

}  // namespace

Result<Selection> resolve(ResolverProvider &provider) {
    for (int round = 0; round < rounds_limit; round++) {
        Selection selection = TRY(Solver(provider).run());
        if (!TRY(provider.learn(selection))) return selection;
    }
    return fail(ErrorCode::limit_exceeded, "the chain of required extensions is too long",
                "After " + std::to_string(rounds_limit) +
                    " rounds of downloads there is still more to come.");
}

}  // namespace pgx
