// system_calls.cpp - the deny list, turned into a filter by libseccomp, which knows the numbers of
// every architecture; and in front of it, in the kernel's own language, what libseccomp has no
// words for: lists of what alone is allowed in an argument, and a range of numbers.
#include "core/registry/system_calls.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pgx {

namespace {

// By name, because older libseccomps do not know all of them, and then the kernel rarely has them.
constexpr std::array never_needed{
    // other processes: tracing, memory, descriptors
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "kcmp", "pidfd_getfd", "perf_event_open", "lookup_dcookie",
    // which may mean all processes of a user
    "setpriority", "ioprio_set",
    // leaving the group of processes that the backend ends
    "setsid", "setpgid",
    // connections from outside: without bind(), Landlock is not asked
    "listen", "accept", "accept4",
    // what is mounted, namespaces, handles that go past directories
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "chroot", "setns", "unshare",
    "name_to_handle_at", "open_by_handle_at", "quotactl", "quotactl_fd",
    // what belongs to a file besides its content, and what happens to it: Landlock does not look
    "chmod", "fchmodat", "chown", "chown32", "lchown", "lchown32", "fchown", "fchown32", "fchownat",
    "utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "inotify_init", "inotify_init1",
    "inotify_add_watch", "fanotify_init", "fanotify_mark",
    // another name for a file: it would stay writable from here when it has become the server's
    "link", "linkat",
    // a program that is no file
    "execveat",
    // the kernel and the machine
    "bpf", "userfaultfd", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "reboot", "swapon", "swapoff", "acct", "syslog", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "clock_settime64",
    "clock_adjtime64", "iopl", "ioperm", "modify_ldt", "vhangup", "uselib", "nfsservctl",
    "personality", "vm86", "vm86old",
    // keyrings and queues, which belong to the user and not to a process
    "add_key", "request_key", "keyctl", "mq_open", "mq_unlink"};

// System V's memory, semaphores and queues belong to the user, and PostgreSQL guards its data
// directory with such memory.
constexpr std::array shared_by_user{"shmget", "shmat",      "shmctl", "shmdt",  "semget",
                                    "semop",  "semtimedop", "semctl", "msgget", "msgsnd",
                                    "msgrcv", "msgctl",     "ipc"};

// Memory that is a file, which could be run; locks on what can only be read; and emptying what was
// open from the start: standard error, which may be the server's log.
constexpr std::array not_for_downloads{"memfd_create", "memfd_secret", "flock",
                                       "ftruncate",    "ftruncate64",  "fallocate"};

// Nor for the programs that a helper runs.
constexpr std::array not_for_programs{"fchmod", "socketpair", "socket"};

// The helper gives files that it makes their modes. Descriptors say nothing of how they were come
// by, so this is what could be done to others that it has open.
constexpr std::uint32_t modes_of_downloads[] = {0600, 0644, 0700, 0755};
constexpr std::uint32_t modes_of_trials[] = {0700};

// What creates a file or directory, and where its mode is among the arguments; `flags`: where it
// says that it does create one, without which the mode means nothing. Some architectures have only
// those with "at".
struct Creating {
    unsigned call, mode;
    std::optional<unsigned> flags = std::nullopt;
};
constexpr Creating creating[] = {
#ifdef SYS_open
    {SYS_open, 2, 1},
#endif
#ifdef SYS_creat
    {SYS_creat, 1},
#endif
#ifdef SYS_mkdir
    {SYS_mkdir, 1},
#endif
#ifdef SYS_mknod
    {SYS_mknod, 1},
#endif
    {SYS_openat, 3, 2}, {SYS_mkdirat, 2}, {SYS_mknodat, 2},
};
constexpr std::uint32_t flags_of_creating = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
// Files that run with their owner's rights, and directories as /tmp is one.
constexpr std::uint32_t special_modes = S_ISUID | S_ISGID | S_ISVTX;
// Of mknod(): files, and neither devices nor pipes nor sockets.
constexpr std::uint32_t types_of_nodes[] = {0, S_IFREG};

// Libraries try these and do without. clone3's flags are behind a pointer, where no filter sees
// them; the C library then uses clone.
constexpr std::array tried_and_done_without{"clone3", "io_uring_setup", "io_uring_enter",
                                            "io_uring_register",
                                            // the mode of what it creates lies in memory
                                            "openat2"};

// Names of a process, with the position of its number: 0 is the caller.
constexpr std::pair<const char *, unsigned> about_a_process[] = {
    {"prlimit64", 0},     {"sched_setscheduler", 0}, {"sched_setparam", 0},
    {"sched_setattr", 0}, {"sched_setaffinity", 0},  {"migrate_pages", 0},
    {"move_pages", 0},
};

constexpr std::uint64_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

#ifdef __s390x__
constexpr unsigned flags_of_clone = 1;
#else
constexpr unsigned flags_of_clone = 0;
#endif

// What came with Linux 6.5 and later, by the numbers that are the same for all architectures:
// fchmodat2, setxattrat, file_setattr and whatever comes, known to libseccomp or not. Those who try
// them expect kernels that do not have them.
constexpr unsigned first_new_call = SYS_io_uring_setup - 425 + 451,
                   past_new_calls = first_new_call + 500;

// Of the hundreds that a file system or a device may have; many change what Landlock does not see.
constexpr std::uint32_t allowed_requests[] = {FIONBIO, FIONREAD,   FIOCLEX,      FIONCLEX,
                                              TCGETS,  TIOCGWINSZ, SIOCGIFINDEX, SIOCGIFNAME};

// Locks, which could stop whoever waits for one. The last two are those without 64 bit offsets,
// where F_SETLK is with them.
constexpr std::array locks_of_files{F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, 6, 7};

// Being told of other's doings with a file, and stopping them; signals by way of a file.
constexpr std::array denied_file_commands{F_SETLEASE, F_NOTIFY, F_SETOWN, F_SETOWN_EX, F_SETSIG};

// Landlock's rules of ports are for plain TCP: not for MPTCP or SCTP.
constexpr std::uint32_t allowed_protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
constexpr std::uint32_t families_of_downloads[] = {AF_INET, AF_INET6, AF_NETLINK};
constexpr std::uint32_t families_of_servers[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
constexpr std::uint32_t types_of_ip[] = {SOCK_STREAM, SOCK_DGRAM};
constexpr std::uint32_t nothing[] = {0};
constexpr std::uint32_t family_of_pairs[] = {AF_UNIX}, type_of_pairs[] = {SOCK_STREAM};
// Of a socket; the others are flags.
constexpr std::uint32_t bits_of_type = 0xf;
constexpr std::uint32_t all_bits = ~std::uint32_t{0};

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

    // An argument that has to have a value for a question to be asked.
    struct When {
        unsigned position;
        std::uint32_t value;
    };
    // Denies the call unless the argument, as far as `mask` goes, is one of these.
    void allow_only(unsigned call, unsigned position, std::uint32_t mask,
                    std::span<const std::uint32_t> values, std::optional<When> when = {}) {
        const auto count = static_cast<std::uint8_t>(values.size());
        const auto rest = static_cast<std::uint8_t>(count + 3);
        load(offsetof(seccomp_data, nr));
        jump(BPF_JEQ, call, 0, static_cast<std::uint8_t>(when ? rest + 2 : rest));
        if (when) {
            load(lower_half(when->position));
            jump(BPF_JEQ, when->value, 0, rest);
        }
        load(lower_half(position));
        first_.push_back({BPF_ALU | BPF_AND | BPF_K, 0, 0, mask});
        for (std::uint8_t i = 0; i < count; ++i)
            jump(BPF_JEQ, values[i], static_cast<std::uint8_t>(count - i), 0);
        answer(EPERM);
    }
    struct Bits {
        unsigned position;
        std::uint32_t bits;
    };
    // Denies the call when its argument has any of these bits, and `when` has any of its own.
    void deny_bits(unsigned call, Bits denied, std::optional<Bits> when = {}) {
        load(offsetof(seccomp_data, nr));
        jump(BPF_JEQ, call, 0, when ? 5 : 3);
        if (when) {
            load(lower_half(when->position));
            jump(BPF_JSET, when->bits, 0, 3);
        }
        load(lower_half(denied.position));
        jump(BPF_JSET, denied.bits, 0, 1);
        answer(EPERM);
    }
    // Calls with numbers in [first, past) are unknown.
    void deny_range(unsigned first, unsigned past) {
        load(offsetof(seccomp_data, nr));
        jump(BPF_JGE, first, 0, 2);
        jump(BPF_JGE, past, 1, 0);
        answer(ENOSYS);
    }

    Result<std::vector<sock_filter>> finish() {
        const auto failed = [](const char *what) {
            return fail(system_error(std::string("could not ") + what, errno));
        };
        if (!good_) return fail(ErrorCode::internal, "could not make a filter of system calls");
        // A pipe holds 64 KiB, the longest filter that the kernel takes has half of that.
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failed("create a pipe");
        std::vector<sock_filter> program = std::move(first_);
        const std::size_t before = program.size();
        program.resize(before + BPF_MAXINSNS);
        ssize_t size = -1;
        errno = 0;
        if (seccomp_export_bpf(filter_.get(), ends[1]) == 0)
            size = ::read(ends[0], program.data() + before, BPF_MAXINSNS * sizeof(sock_filter));
        ::close(ends[0]);
        ::close(ends[1]);
        if (size <= 0) return failed("make a filter of system calls");
        program.resize(before + static_cast<std::size_t>(size) / sizeof(sock_filter));
        // The kernel would refuse it as one that has no seccomp does.
        if (program.size() > BPF_MAXINSNS)
            return fail(ErrorCode::internal, "the filter of system calls is too long");
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

    // Of an argument; the kernel takes no more of those that are asked about.
    static std::size_t lower_half(unsigned position) {
        return offsetof(seccomp_data, args) + position * sizeof(std::uint64_t) +
               (std::endian::native == std::endian::big ? sizeof(std::uint32_t) : 0);
    }
    void load(std::size_t offset) {
        first_.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)});
    }
    void jump(unsigned test, std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
        first_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), yes, no, value});
    }
    void answer(int error) {
        first_.push_back(
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)});
    }

    std::vector<sock_filter> first_;  // asked before the other; never allows
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

// A bit of an argument that must not be set.
scmp_arg_cmp has_bit(unsigned position, std::uint64_t bit) {
    return argument(position, SCMP_CMP_MASKED_EQ, bit, bit);
}

void restrict_creating(FilterMaker &filter) {
    for (const Creating &one : creating) {
        std::optional<FilterMaker::Bits> when;
        if (one.flags) when = {*one.flags, flags_of_creating};
        filter.deny_bits(one.call, {one.mode, special_modes}, when);
    }
#ifdef SYS_mknod
    filter.allow_only(SYS_mknod, 1, S_IFMT, types_of_nodes);
#endif
    filter.allow_only(SYS_mknodat, 2, S_IFMT, types_of_nodes);
}

// Not by libseccomp, which would look at the arguments of the wrong call where the C library makes
// sockets by socketcall() (i386, s390x). What that is asked for lies in memory, which no filter
// sees, so nothing of this holds there.
void restrict_sockets(FilterMaker &filter, SystemCalls kind) {
    // Opens a connection by itself, unseen by Landlock.
    filter.allow_only(SYS_sendto, 3, MSG_FASTOPEN, nothing);
    filter.allow_only(SYS_sendmsg, 2, MSG_FASTOPEN, nothing);
    filter.allow_only(SYS_sendmmsg, 3, MSG_FASTOPEN, nothing);
    if (kind == SystemCalls::offline) return;
    if (kind == SystemCalls::server) {
        filter.allow_only(SYS_socket, 0, all_bits, families_of_servers);
    } else {
        filter.allow_only(SYS_socket, 0, all_bits, families_of_downloads);
        // libcurl wakes itself up by a pair. One of datagrams could be used to write to any socket
        // in the file system, such as the system's log.
        filter.allow_only(SYS_socketpair, 0, all_bits, family_of_pairs);
        filter.allow_only(SYS_socketpair, 1, bits_of_type, type_of_pairs);
    }
    filter.allow_only(SYS_socket, 2, all_bits, allowed_protocols);
    filter.allow_only(SYS_socket, 1, bits_of_type, types_of_ip, FilterMaker::When{0, AF_INET});
    filter.allow_only(SYS_socket, 1, bits_of_type, types_of_ip, FilterMaker::When{0, AF_INET6});
    // Netlink's protocol 0 is routes, which the resolver asks for addresses of its own.
    filter.allow_only(SYS_socket, 2, all_bits, nothing, FilterMaker::When{0, AF_NETLINK});
}

}  // namespace

Result<std::vector<sock_filter>> system_call_filter(SystemCalls kind) {
    FilterMaker filter;
    filter.deny_range(first_new_call, past_new_calls);
    for (const char *name : never_needed) filter.deny(name);
    for (const char *name : tried_and_done_without) filter.deny(name, ENOSYS);
    if (kind != SystemCalls::server) {
        for (const char *name : shared_by_user) filter.deny(name);
        for (const char *name : not_for_downloads) filter.deny(name);
    }
    if (kind == SystemCalls::offline)
        for (const char *name : not_for_programs) filter.deny(name);
    if (kind == SystemCalls::helper) filter.allow_only(SYS_fchmod, 1, all_bits, modes_of_downloads);
    if (kind == SystemCalls::server) filter.allow_only(SYS_fchmod, 1, all_bits, modes_of_trials);
    for (const auto &[name, position] : about_a_process)
        filter.deny(name, argument(position, SCMP_CMP_NE, 0));
    for (unsigned bit = 0; bit < 32; ++bit)
        if ((new_namespaces & (1ULL << bit)) != 0)
            filter.deny("clone", has_bit(flags_of_clone, 1ULL << bit));
    filter.allow_only(SYS_ioctl, 1, all_bits, allowed_requests);
    for (const char *name : {"fcntl", "fcntl64"})
        for (const int command : denied_file_commands) filter.deny(name, int_argument(1, command));
    if (kind != SystemCalls::server)
        for (const char *name : {"fcntl", "fcntl64"})
            for (const int command : std::set<int>(locks_of_files.begin(), locks_of_files.end()))
                filter.deny(name, int_argument(1, command));
    restrict_creating(filter);
    restrict_sockets(filter, kind);
    return filter.finish();
}

bool enter_system_call_filter(const std::vector<sock_filter> &filter) noexcept {
    sock_fprog program = {};
    program.len = static_cast<unsigned short>(filter.size());
    program.filter = const_cast<sock_filter *>(filter.data());
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace pgx
