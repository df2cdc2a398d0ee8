// sandbox.cpp - the helper's cage, made of what an ordinary process can ask of Linux for itself.
//
// Landlock is used through raw system calls: there is no library for it that distributions carry,
// and its constants are defined here where the build's kernel headers may be older than the kernel
// that runs.  Kernels ignore nothing: a right they do not know is an error, so the set is cut to
// the ABI. Namespaces and seccomp were left out: the first are switched off on many hardened
// servers, the second breaks with every new C library.
#include "core/registry/sandbox.h"

#include <fcntl.h>
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

namespace pgx {

namespace {

// From the kernel's include/uapi/linux/landlock.h; the number is the ABI that brought them.
constexpr std::uint64_t access_refer = 1ULL << 13;               // 2
constexpr std::uint64_t access_truncate = 1ULL << 14;            // 3
constexpr std::uint64_t access_ioctl_dev = 1ULL << 15;           // 5
constexpr std::uint64_t scope_abstract_unix_socket = 1ULL << 0;  // 6
constexpr std::uint64_t scope_signal = 1ULL << 1;                // 6

// struct landlock_ruleset_attr as of ABI 6. Older kernels accept the longer one when what they do
// not know is zero.
struct RulesetAttributes {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;
    std::uint64_t scoped = 0;
};

// What changes files, on any kernel with Landlock.
constexpr std::uint64_t access_write =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;

// Of those, what may be done below a writable directory: no devices, and no symbolic links, which the
// backend might follow when it takes the files over.
constexpr std::uint64_t access_granted =
    access_write & ~std::uint64_t{LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_SYM};

// Of those, what makes sense for a single file; the kernel refuses the others there.
constexpr std::uint64_t access_of_file = LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate;

struct Limit {
    int resource;
    rlim_t value;
    const char *what;
};

constexpr Limit limits[] = {
// Sanitizers reserve terabytes of address space that count as data.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    {RLIMIT_DATA, rlim_t{1} << 30, "memory"},
#endif
    {RLIMIT_CPU, 3600, "processor time"},  // seconds
    {RLIMIT_NOFILE, 256, "open files"},
    {RLIMIT_CORE, 0, "core dumps"},
    // Counts every process and thread of the user, all backends of a large server included, so it
    // can stop only a runaway.
    {RLIMIT_NPROC, 16384, "processes"},
};

// A descriptor that is closed with its scope.
class Descriptor {
   public:
    explicit Descriptor(long number) : number_(static_cast<int>(number)) {}
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const { return number_; }

   private:
    int number_;
};

Result<void> set_limits() {
    for (const Limit &limit : limits) {
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

Result<void> allow_writing(const Descriptor &ruleset, const std::string &path,
                           std::uint64_t handled) {
    const Descriptor parent(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status = {};
    if (parent.number() < 0 || ::fstat(parent.number(), &status) != 0)
        return fail(system_error("could not open \"" + path + "\"", errno));
    landlock_path_beneath_attr rule = {};
    rule.allowed_access =
        handled & (S_ISDIR(status.st_mode) ? access_granted | access_refer | access_truncate
                                           : access_of_file);
    rule.parent_fd = parent.number();
    if (::syscall(SYS_landlock_add_rule, ruleset.number(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) !=
        0)
        return fail(system_error("could not allow writing below \"" + path + "\"", errno));
    return {};
}

Result<void> restrict_files(int abi, const std::vector<std::string> &writable) {
    RulesetAttributes attributes;
    attributes.handled_access_fs = access_write;
    if (abi >= 2) attributes.handled_access_fs |= access_refer;
    if (abi >= 3) attributes.handled_access_fs |= access_truncate;
    if (abi >= 5) attributes.handled_access_fs |= access_ioctl_dev;
    if (abi >= 6) attributes.scoped = scope_abstract_unix_socket | scope_signal;
    const Descriptor ruleset(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
    if (ruleset.number() < 0)
        return fail(system_error("could not create a Landlock ruleset", errno));
    for (const std::string &path : writable)
        TRY(allow_writing(ruleset, path, attributes.handled_access_fs));
    if (::syscall(SYS_landlock_restrict_self, ruleset.number(), 0) != 0)
        return fail(system_error("could not enter the sandbox", errno));
    return {};
}

}  // namespace

int landlock_abi() {
    const long abi =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : static_cast<int>(abi);
}

Result<SandboxReport> enter_sandbox(const std::vector<std::string> &writable) {
    SandboxReport report;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(system_error("could not give up gaining privileges", errno));
    report.no_new_privileges = true;
    TRY(set_limits());
    report.landlock_abi = landlock_abi();
    if (report.landlock_abi > 0) TRY(restrict_files(report.landlock_abi, writable));
    return report;
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
