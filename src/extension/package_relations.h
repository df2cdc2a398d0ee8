// package_relations.h - what packages say of each other, besides what their control files require.
//
// A distribution splits an extension where that suits it: PostGIS has its scripts in one package
// and its library in another, which the first only recommends. So a package's Depends are followed
// as far as they name packages of the same registry for this server, its Recommends where they
// bring a library that a script names and nobody has, and two packages of which one breaks the
// other are refused before anything is changed.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "extension/plan.h"

namespace pgx {

// What has to come along with what is in the plan, and is not in it, installed, or part of the
// server.
std::vector<Wish> package_requirements(const Plan &plan);

// package_conflict when one of the plan breaks another one or one that is installed, or is broken
// by it.
Result<void> check_package_conflicts(const Plan &plan);

}  // namespace pgx
