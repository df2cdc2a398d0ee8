// system_calls.cpp - the deny list, turned into a filter by libseccomp, which knows the numbers of
// every architecture.
#include "core/registry/system_calls.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>

namespace pgx {

namespace {

// By name, because older libseccomps do not know all of them, and then the kernel rarely has them.
constexpr std::array never_needed{
    // other processes: tracing, memory, descriptors
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "kcmp", "pidfd_getfd", "perf_event_open", "lookup_dcookie",
    // what is mounted, namespaces, handles that go past directories
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "chroot", "setns", "unshare",
    "open_by_handle_at", "fanotify_init", "quotactl", "quotactl_fd",
    // the kernel and the machine
    "bpf", "userfaultfd", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "reboot", "swapon", "swapoff", "acct", "syslog", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "clock_settime64",
    "clock_adjtime64", "iopl", "ioperm", "modify_ldt", "vhangup", "uselib", "nfsservctl",
    "personality", "vm86", "vm86old",
    // keyrings, which belong to the user and not to a process
    "add_key", "request_key", "keyctl"};

// System V's memory, semaphores and queues belong to the user, and PostgreSQL guards its data
// directory with such memory.
constexpr std::array shared_by_user{"shmget", "shmat",      "shmctl", "shmdt",  "semget",
                                    "semop",  "semtimedop", "semctl", "msgget", "msgsnd",
                                    "msgrcv", "msgctl",     "ipc"};

// Libraries try these and do without. clone3's flags are behind a pointer, where no filter sees
// them; the C library then uses clone.
constexpr std::array tried_and_done_without{"clone3", "io_uring_setup", "io_uring_enter",
                                            "io_uring_register"};

// Names of a process, with the position of its number: 0 is the caller.
constexpr std::pair<const char *, unsigned> about_a_process[] = {
    {"prlimit64", 0},      {"setpriority", 1},   {"sched_setscheduler", 0},
    {"sched_setparam", 0}, {"sched_setattr", 0}, {"sched_setaffinity", 0},
    {"ioprio_set", 1},     {"migrate_pages", 0}, {"move_pages", 0},
};

constexpr std::uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

#ifdef __s390x__
constexpr unsigned flags_of_clone = 1;
#else
constexpr unsigned flags_of_clone = 0;
#endif

// Kinds of sockets; netlink is the last of them.
constexpr int last_family = AF_NETLINK;
constexpr std::array families_of_downloads{AF_INET, AF_INET6, AF_NETLINK};
constexpr std::array families_of_servers{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

std::span<const int> allowed_families(SystemCalls kind) {
    switch (kind) {
        case SystemCalls::helper:
            return families_of_downloads;
        case SystemCalls::server:
            return families_of_servers;
        case SystemCalls::offline:
            break;
    }
    return {};
}

struct FilterFreer {
    void operator()(void *filter) const { seccomp_release(filter); }
};

class FilterMaker {
   public:
    FilterMaker() : filter_(seccomp_init(SCMP_ACT_ALLOW)) {
        // Calls by another architecture's numbers.
        good_ = filter_ && seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH,
                                            SCMP_ACT_ERRNO(EPERM)) == 0;
    }

    void deny(const char *name, int error = EPERM) { add(name, error, nullptr, 0); }
    void deny(const char *name, scmp_arg_cmp one) { add(name, EPERM, &one, 1); }
    void deny(const char *name, scmp_arg_cmp one, scmp_arg_cmp other) {
        const std::array both{one, other};
        add(name, EPERM, both.data(), 2);
    }

    Result<std::vector<sock_filter>> finish() {
        const auto failed = [](const char *what) {
            return fail(system_error(std::string("could not ") + what, errno));
        };
        if (!good_) return fail(ErrorCode::internal, "could not make a filter of system calls");
        const int file = ::memfd_create("filter", MFD_CLOEXEC);
        if (file < 0) return failed("create a file in memory");
        std::vector<sock_filter> program;
        errno = 0;
        const off_t size =
            seccomp_export_bpf(filter_.get(), file) == 0 ? ::lseek(file, 0, SEEK_END) : -1;
        bool read = false;
        if (size > 0) {
            program.resize(static_cast<std::size_t>(size) / sizeof(sock_filter));
            read = ::pread(file, program.data(), program.size() * sizeof(sock_filter), 0) == size;
        }
        ::close(file);
        if (!read) return failed("make a filter of system calls");
        return program;
    }

   private:
    void add(const char *name, int error, const scmp_arg_cmp *arguments, unsigned count) {
        const int number = seccomp_syscall_resolve_name(name);
        if (!good_ || number == __NR_SCMP_ERROR) return;
        const int answer = seccomp_rule_add_array(
            filter_.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, count, arguments);
        // EDOM: this architecture has no such call.
        good_ = answer == 0 || answer == -EDOM;
    }

    std::unique_ptr<void, FilterFreer> filter_;
    bool good_ = false;
};

scmp_arg_cmp argument(unsigned position, scmp_compare compare, std::uint64_t value,
                      std::uint64_t more = 0) {
    return scmp_arg_cmp{position, compare, value, more};
}

// The upper half of a register is whatever was there before, where the kernel takes an int.
scmp_arg_cmp int_argument(unsigned position, int value) {
    return argument(position, SCMP_CMP_MASKED_EQ, 0xffffffffU, static_cast<unsigned>(value));
}

void deny_sockets(FilterMaker &filter, SystemCalls kind) {
    const std::span<const int> allowed = allowed_families(kind);
    // Those up to 31 one by one, those beyond by their bits.
    for (int family = 0; family < 32; ++family)
        if (family > last_family || std::ranges::find(allowed, family) == allowed.end())
            filter.deny("socket", int_argument(0, family));
    for (unsigned bit = 5; bit < 32; ++bit)
        filter.deny("socket", argument(0, SCMP_CMP_MASKED_EQ, 1ULL << bit, 1ULL << bit));
    // Netlink's protocol 0 is routes, which the resolver asks for addresses of its own.
    if (!allowed.empty())
        filter.deny("socket", int_argument(0, AF_NETLINK), argument(2, SCMP_CMP_NE, 0));
}

}  // namespace

Result<std::vector<sock_filter>> system_call_filter(SystemCalls kind) {
    FilterMaker filter;
    for (const char *name : never_needed) filter.deny(name);
    for (const char *name : tried_and_done_without) filter.deny(name, ENOSYS);
    if (kind != SystemCalls::server)
        for (const char *name : shared_by_user) filter.deny(name);
    for (const auto &[name, position] : about_a_process)
        filter.deny(name, argument(position, SCMP_CMP_NE, 0));
    for (unsigned bit = 0; bit < 32; ++bit)
        if ((new_namespaces & (1ULL << bit)) != 0)
            filter.deny("clone",
                        argument(flags_of_clone, SCMP_CMP_MASKED_EQ, 1ULL << bit, 1ULL << bit));
    // Typing into the terminal of whoever started the server.
    for (const unsigned long request : {TIOCSTI, TIOCLINUX})
        filter.deny("ioctl", int_argument(1, static_cast<int>(request)));
    deny_sockets(filter, kind);
    return filter.finish();
}

bool enter_system_call_filter(const std::vector<sock_filter> &filter) noexcept {
    sock_fprog program = {};
    program.len = static_cast<unsigned short>(filter.size());
    program.filter = const_cast<sock_filter *>(filter.data());
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace pgx
