// sandbox.h - what the helper gives up before it reads the first byte from outside.
//
// Landlock restricts what changes things: writing, truncating, creating, removing, moving between directories, device
// ioctls. Reading and running programs stay free, because what the host's apt trusts is in many places. Where the kernel
// offers it, signals and abstract sockets do not reach outside either: the helper has the server's user id, and must not be
// able to stop the server.
//
// What the programs that run inside need was tried with Landlock ABI 7: apt-config and sqv write nothing. gpgv writes nothing
// either and does without its home directory ($GNUPGHOME or ~/.gnupg); give it an absolute --keyring, because a relative one
// is looked for there. None of them opens /dev/null for writing.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace pgx {

// What could be put in force on this kernel, for reports and tests.
struct SandboxReport {
    bool no_new_privileges = false;
    int landlock_abi = 0;  // 0: the kernel has no Landlock
};

// The version of Landlock that the kernel offers, 0 when none.
int landlock_abi();

// Irrevocable, for this process and its children: no_new_privs; limits on memory (1 GiB of data), processor time, open files,
// core dumps (none), processes; with Landlock, nothing outside the directories (or files) `writable` can be created, written,
// renamed or removed; not even /tmp and /dev/null, unless listed. A path of `writable` that cannot be opened is an error.
// Descriptors that are already open keep their rights: close them first (close_descriptors_from).
Result<SandboxReport> enter_sandbox(const std::vector<std::string> &writable);

// Dies with `parent` (PR_SET_PDEATHSIG, then compares getppid() so that a parent that died just before is noticed: exits at once).
void die_with_parent(int parent);

// Closes every descriptor from `first` on. Async-signal-safe, for use between fork and exec as well.
void close_descriptors_from(int first);

}  // namespace pgx
