// sandbox.h - what the helper gives up before it reads the first byte from outside.
//
// Two steps, because the list of what may be read and where connections may go stands in the
// host's configuration, which has to be read first: enter_sandbox() with what the request says
// (writing), then narrow_sandbox() with what follows from the configuration (reading, programs,
// ports). Landlock adds up: the second step takes away and can give nothing.
//
// With Landlock, nothing outside of the rules can be created, written, renamed or removed, no file
// opened, no program started, no TCP connection made, no signal sent to a process outside. Path
// names can still be looked up (whether there is a file, and its size, is no secret here). What
// Landlock does not cover: datagrams, and so DNS; sockets in the file system, which the filter of
// system calls takes away.
// Running a program needs the right for the program and its dynamic linker only, shared libraries
// are merely read; so a program that can be read can be started by way of the linker, inside the
// same sandbox, and the directories of programs are therefore not readable. Those below /usr/lib,
// such as the server itself on some distributions, are.
//
// What the programs that run inside need was tried with Landlock ABI 7: apt-config and sqv write
// nothing. gpgv writes nothing either and does without its home directory; give it an absolute
// --keyring, because a relative one is looked for there. None of them opens /dev/null for writing.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/registry/system_calls.h"

namespace pgx {

// Paths are of files or of directories with all that is in them; links are followed. nullopt: this
// is not limited.
struct SandboxRules {
    std::vector<std::string> writable;  // readable, too; one that cannot be opened is an error
    std::optional<std::vector<std::string>> readable = std::nullopt;  // as far as they are there
    std::optional<std::vector<std::string>> programs = std::nullopt;  // as far as they are there
    std::optional<std::set<std::uint16_t>> ports = std::nullopt;      // of TCP, to connect to
};

// What could be put in force on this kernel, for reports and tests.
struct SandboxReport {
    bool no_new_privileges = false;
    bool system_calls = false;  // false: the kernel has no seccomp
    int landlock_abi = 0;       // 0: the kernel has no Landlock
};

// What each ABI of Landlock brought.
inline constexpr int landlock_abi_truncate = 3, landlock_abi_tcp = 4, landlock_abi_scope = 6;

// The version of Landlock that the kernel offers, 0 when none.
int landlock_abi();

// Irrevocable, for this process and its children: no_new_privs; limits on memory (1 GiB of data, 3
// GiB of address space), processor time, the size of files (beyond it comes SIGXFSZ, or EFBIG where
// that is ignored), open files, core dumps (none), processes; the filter of system calls; the
// rules. Descriptors that are already open keep their rights: close them first
// (close_descriptors_from).
Result<SandboxReport> enter_sandbox(const SandboxRules &rules,
                                    SystemCalls kind = SystemCalls::helper);

// Rules on top of those in force. Nothing without Landlock.
Result<void> narrow_sandbox(const SandboxRules &rules);

// A sandbox that is made here and entered by a child between fork and exec: no network, no writing
// but to `writable`, on top of what is in force.
class OfflineSandbox {
   public:
    static Result<OfflineSandbox> prepare(const std::vector<std::string> &writable);
    OfflineSandbox(OfflineSandbox &&other) noexcept;
    OfflineSandbox &operator=(OfflineSandbox &&) = delete;
    ~OfflineSandbox();

    // Async-signal-safe. False, with errno, when what this kernel offers could not be entered.
    bool enter() const noexcept;

   private:
    OfflineSandbox() = default;
    int ruleset_ = -1;  // -1: the kernel has no Landlock
    std::vector<sock_filter> filter_;
};

// The dynamic linker that this process was started with, which programs of this host need as well;
// empty when it has none.
std::string dynamic_linker();

// Dies with `parent` (PR_SET_PDEATHSIG, then compares getppid() so that a parent that died just
// before is noticed: exits at once).
void die_with_parent(int parent);

// Closes every descriptor from `first` on. Async-signal-safe, for use between fork and exec as
// well.
void close_descriptors_from(int first);

}  // namespace pgx
