// sandbox.cpp - the helper's cage, made of what an ordinary process can ask of Linux for itself.
//
// Landlock is used through raw system calls: there is no library for it that distributions carry,
// and its constants are defined here where the build's kernel headers may be older than the kernel
// that runs.  Kernels ignore nothing: a right they do not know is an error, so the set is cut to
// the ABI. Namespaces were left out: they are switched off on many hardened servers.
#include "core/registry/sandbox.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "core/base/descriptor.h"

namespace pgx {

namespace {

// From the kernel's include/uapi/linux/landlock.h; the number is the ABI that brought them.
constexpr std::uint64_t access_refer = 1ULL << 13;               // 2
constexpr std::uint64_t access_truncate = 1ULL << 14;            // 3
constexpr std::uint64_t access_ioctl_dev = 1ULL << 15;           // 5
constexpr std::uint64_t access_net_bind_tcp = 1ULL << 0;         // 4
constexpr std::uint64_t access_net_connect_tcp = 1ULL << 1;      // 4
constexpr std::uint64_t scope_abstract_unix_socket = 1ULL << 0;  // 6
constexpr std::uint64_t scope_signal = 1ULL << 1;                // 6
constexpr int rule_net_port = 2;                                 // 4

// struct landlock_ruleset_attr as of ABI 6. Older kernels accept the longer one when what they do
// not know is zero.
struct RulesetAttributes {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;
    std::uint64_t scoped = 0;
};

// struct landlock_net_port_attr.
struct NetPortAttributes {
    std::uint64_t allowed_access = 0;
    std::uint64_t port = 0;
};

constexpr std::uint64_t access_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// The kernel opens a program for reading as well.
constexpr std::uint64_t access_run = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;

// What changes files, on any kernel with Landlock.
constexpr std::uint64_t access_write =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;

// Of those, what may be done below a writable directory: no devices, and no symbolic links, which
// the backend might follow when it takes the files over.
constexpr std::uint64_t access_granted =
    access_write & ~std::uint64_t{LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_SYM};

// Of those, what makes sense for a single file; the kernel refuses the others there.
constexpr std::uint64_t access_of_file = LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate |
                                         LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;

struct Limit {
    int resource;
    rlim_t value;
    const char *what;
    bool of_trials = true;  // of servers on trial, too
};

// What an artifact may unpack to (ArchiveLimits), and so more than any file that is written here.
constexpr std::uint64_t largest_file = 4ULL << 30;
static_assert(sizeof(rlim_t) >= sizeof largest_file, "compile with _FILE_OFFSET_BITS=64");

constexpr Limit limits[] = {
// Sanitizers reserve terabytes of address space that count as data.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    {RLIMIT_DATA, rlim_t{1} << 30, "memory"},
    // Shared memory is no data. The rest is libraries and what threads reserve and do not use. A
    // library on trial may reserve as much as it likes: many do so by the gigabyte.
    {RLIMIT_AS, rlim_t{3} << 30, "address space", false},
#endif
    {RLIMIT_FSIZE, largest_file, "the size of files"},
    {RLIMIT_CPU, 3600, "processor time"},  // seconds
    {RLIMIT_NOFILE, 256, "open files"},
    {RLIMIT_CORE, 0, "core dumps"},
    // Counts every process and thread of the user, all backends of a large server included, so it
    // can stop only a runaway.
    {RLIMIT_NPROC, 16384, "processes"},
};

// A descriptor that is closed with its scope.
Result<void> set_limits(SystemCalls kind) {
    for (const Limit &limit : limits) {
        if (kind == SystemCalls::server && !limit.of_trials) continue;
        rlimit current = {};
        if (::getrlimit(limit.resource, &current) != 0)
            return fail(
                system_error(std::string("could not read the limit of ") + limit.what, errno));
        const rlim_t value = std::min(limit.value, current.rlim_max);
        const rlimit wanted = {std::min(value, current.rlim_cur), value};
        if (::setrlimit(limit.resource, &wanted) != 0)
            return fail(system_error(std::string("could not limit ") + limit.what, errno));
    }
    return {};
}

// A set of rules on its way to the kernel.
class Ruleset {
   public:
    static Result<Ruleset> create(const SandboxRules &rules, int abi) {
        RulesetAttributes attributes;
        attributes.handled_access_fs = access_write;
        if (rules.readable) attributes.handled_access_fs |= access_read;
        if (rules.programs) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_EXECUTE;
        if (abi >= 2) attributes.handled_access_fs |= access_refer;
        if (abi >= landlock_abi_truncate) attributes.handled_access_fs |= access_truncate;
        if (abi >= landlock_abi_tcp && rules.ports)
            attributes.handled_access_net = access_net_bind_tcp | access_net_connect_tcp;
        if (abi >= 5) attributes.handled_access_fs |= access_ioctl_dev;
        if (abi >= landlock_abi_scope)
            attributes.scoped = scope_abstract_unix_socket | scope_signal;
        Ruleset ruleset(Descriptor(static_cast<int>(::syscall(SYS_landlock_create_ruleset,
                                                              &attributes, sizeof attributes, 0))),
                        attributes);
        if (ruleset.descriptor_.number() < 0)
            return fail(system_error("could not create a Landlock ruleset", errno));
        TRY(ruleset.add(rules));
        return ruleset;
    }

    int number() const { return descriptor_.number(); }
    int release() { return descriptor_.release(); }

   private:
    Ruleset(Descriptor descriptor, const RulesetAttributes &attributes)
        : descriptor_(std::move(descriptor)), attributes_(attributes) {}

    Result<void> add(const SandboxRules &rules) {
        for (const std::string &path : rules.writable) {
            const bool allowed =
                TRY(allow(path, access_granted | access_read | access_refer | access_truncate));
            if (!allowed) return fail(system_error("could not open \"" + path + "\"", errno));
        }
        if (rules.readable)
            for (const std::string &path : *rules.readable) TRY(allow(path, access_read));
        if (rules.programs)
            for (const std::string &path : *rules.programs) TRY(allow(path, access_run));
        if (attributes_.handled_access_net != 0)
            for (const std::uint16_t port : *rules.ports) TRY(allow_port(port));
        return {};
    }

    // False, with errno, when the path cannot be opened.
    Result<bool> allow(const std::string &path, std::uint64_t access) const {
        const Descriptor parent(::open(path.c_str(), O_PATH | O_CLOEXEC));
        struct stat status = {};
        if (parent.number() < 0 || ::fstat(parent.number(), &status) != 0) return false;
        landlock_path_beneath_attr rule = {};
        rule.allowed_access = attributes_.handled_access_fs & access;
        if (!S_ISDIR(status.st_mode)) rule.allowed_access &= access_of_file;
        rule.parent_fd = parent.number();
        // The kernel wants no rule that allows nothing.
        if (rule.allowed_access != 0 &&
            ::syscall(SYS_landlock_add_rule, number(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            return fail(system_error("could not allow access to \"" + path + "\"", errno));
        return true;
    }

    Result<void> allow_port(std::uint16_t port) const {
        const NetPortAttributes rule{access_net_connect_tcp, port};
        if (::syscall(SYS_landlock_add_rule, number(), rule_net_port, &rule, 0) != 0)
            return fail(
                system_error("could not allow connections to port " + std::to_string(port), errno));
        return {};
    }

    Descriptor descriptor_;
    RulesetAttributes attributes_;
};

bool enter_ruleset(int ruleset) noexcept {
    return ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

}  // namespace

int landlock_abi() {
    const long abi =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : static_cast<int>(abi);
}

Result<SandboxReport> enter_sandbox(const SandboxRules &rules, SystemCalls kind) {
    SandboxReport report;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(system_error("could not give up gaining privileges", errno));
    report.no_new_privileges = true;
    TRY(set_limits(kind));
    TRY(narrow_sandbox(rules));
    report.landlock_abi = landlock_abi();
    report.system_calls = enter_system_call_filter(TRY(system_call_filter(kind)));
    return report;
}

Result<void> narrow_sandbox(const SandboxRules &rules) {
    const int abi = landlock_abi();
    if (abi == 0) return {};
    const Ruleset ruleset = TRY(Ruleset::create(rules, abi));
    if (!enter_ruleset(ruleset.number()))
        return fail(system_error("could not enter the sandbox", errno));
    return {};
}

Result<OfflineSandbox> OfflineSandbox::prepare(const std::vector<std::string> &writable) {
    OfflineSandbox sandbox;
    const SandboxRules rules{.writable = writable, .ports = std::set<std::uint16_t>{}};
    if (const int abi = landlock_abi(); abi > 0)
        sandbox.ruleset_ = TRY(Ruleset::create(rules, abi)).release();
    sandbox.filter_ = TRY(system_call_filter(SystemCalls::offline));
    return sandbox;
}

OfflineSandbox::OfflineSandbox(OfflineSandbox &&other) noexcept
    : ruleset_(std::exchange(other.ruleset_, -1)), filter_(std::move(other.filter_)) {}

OfflineSandbox::~OfflineSandbox() {
    if (ruleset_ >= 0) ::close(ruleset_);
}

bool OfflineSandbox::enter() const noexcept {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    if (ruleset_ >= 0 && !enter_ruleset(ruleset_)) return false;
    // EINVAL: the kernel has no seccomp.
    return enter_system_call_filter(filter_) || errno == EINVAL;
}

std::string dynamic_linker() {
    std::string path;
    const auto look = [](dl_phdr_info *info, std::size_t, void *found) {
        // The first is the program itself.
        for (int i = 0; i < info->dlpi_phnum; ++i)
            if (info->dlpi_phdr[i].p_type == PT_INTERP)
                *static_cast<std::string *>(found) =
                    reinterpret_cast<const char *>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        return 1;
    };
    ::dl_iterate_phdr(look, &path);
    return path;
}

void die_with_parent(int parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != parent) ::_exit(1);
}

void close_descriptors_from(int first) {
    if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0) == 0) return;
    // Linux before 5.9.
    rlimit limit = {};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    const int end = known ? static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20)) : 65536;
    for (int number = first; number < end; ++number) ::close(number);
}

}  // namespace pgx
