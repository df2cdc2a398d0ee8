// job_rules.h - what a job may read, write, start and connect to.
//
// Worked out from the request, which is the backend's, and from what the administrator of this host
// has written down: apt's configuration and sources, the environment. Nothing that comes from a
// registry widens it, and nothing that an earlier helper could have written: neither what lies in
// the cache nor the addresses of artifacts, which it has reported. What a job cannot read, although
// the server's user could: the data directory apart from the cache and staging, home directories,
// private keys, other servers' files.
//
// Ports, not addresses, because that is what Landlock knows: those of the registry's URLs and of
// the proxies to them, 443 for redirects from http to https, and 53, which a resolver uses for long
// answers. A registry that redirects to another port than these is not followed.
#pragma once

#include "core/base/file_system.h"
#include "core/registry/apt_host.h"
#include "core/registry/job.h"
#include "core/registry/sandbox.h"

namespace pgx {

// While the host's configuration is being read.
SandboxRules first_rules(const Job &job);

// From then on. Reads the configuration, and has apt-config run for it, which is out of reach
// afterwards: `host` keeps what it said. Makes the directory of the registry's trust, because those
// of others are out of reach then. What cannot be read here is left to the job to complain about.
SandboxRules rules(const Job &job, AptHost &host, FileSystem &fs);

// The filter of system calls that is right for the job.
SystemCalls system_calls(const Job &job);

// Only for tests. The directories in a file as /etc/ld.so.conf, with what it includes.
std::vector<std::string> linker_directories(const std::string &path, FileSystem &fs);

}  // namespace pgx
