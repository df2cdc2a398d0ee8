// system_calls.h - the system calls that the helper, and the programs it runs, can do without.
//
// A deny list, not a list of what is allowed: the helper is linked with a C library, libcurl and a
// TLS library that change from one distribution to the next, and an allow list would break with
// every new version of them, on servers of people who cannot mend it. Within single calls there are
// lists of what is allowed: kinds of sockets, protocols, requests of ioctl(), modes; and calls that
// are newer than those of Linux 6.4 do not exist. What is denied is what makes kernels and other
// processes of the same user a target: tracing, kernel modules, mounts, namespaces, BPF, io_uring
// (which goes past this very filter), keyrings, kinds of sockets that no download needs, ways
// around Landlock's rules (to connect without connect(), to change what belongs to a file besides
// its content), and reaching for other processes' limits, priorities or shared memory. The helper
// has the server's user id, so without that it could stop the server; or, by a socket in the file
// system, connect to it as its superuser, whom most servers know by this user id. (Resolvers have
// such sockets as well, and do without.)
//
// A denied call fails with EPERM, those that libraries try and do without with ENOSYS; calls by
// another architecture's numbers (i386 or x32 on x86-64) fail too, so that they are no way around.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "core/base/result.h"

namespace pgx {

enum class SystemCalls {
    helper,   // what downloads and unpacks
    server,   // PostgreSQL on trial: System V shared memory and local sockets, too
    offline,  // a program that has nothing to do with the network: for what a helper runs
};

// The filter as the kernel takes it, to be entered in a place where nothing may be allocated.
// Empty where libseccomp knows no filter for this machine.
Result<std::vector<sock_filter>> system_call_filter(SystemCalls kind);

// Puts it in force for this thread and its children, for good. Needs no_new_privs. Safe between
// fork and exec. False, with errno, when the kernel has no seccomp.
bool enter_system_call_filter(const std::vector<sock_filter> &filter) noexcept;

}  // namespace pgx
