// packaging_paths.h - scripts and control files that name the directories they were packaged for.
//
// A script may read a file that lies beside it, by the only path that there is for its packager:
//
//     COPY units FROM '/usr/share/postgresql/18/extension/units.data';
//
// Installed somewhere else it fails, and PostgreSQL has nothing that a script could say instead. So
// the text is changed: a path of the packaging becomes the path where pgx puts that file, if the
// package itself ships it, and no other. Inside the data directory that path is a relative one,
// since the data directory is where servers run: the same bytes on a standby, in a restored backup,
// and after a move.
//
// "$libdir/x" means the server's own directory and nothing else. In functions PostgreSQL 18 takes
// the prefix off by itself, in LOAD it does not; there it is taken off here. Paths of the
// packaging's libraries become names, which are looked for on dynamic_library_path.
//
// Paths inside of libraries are not changed: text compiled into a library has a fixed room.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace pgx {

struct PackagedText {
    unsigned postgres_major = 0;
    // Where share/ and lib/ will be, as a server process can open it: "pgx/18", "/srv/pgx/18".
    // Empty: not known, and paths of share files stay as they are.
    std::string destination;
    std::set<std::string, std::less<>> files;      // of the package: "share/extension/units.data"
    std::set<std::string, std::less<>> libraries;  // that its control files name, without directory
};

// Whether a path can be written into a script in place of another one, quoted or not.
bool can_be_written(std::string_view destination);

// A script, changed while it passes through. `sink` gets the new text in pieces.
class ScriptAdapter {
   public:
    using Sink = std::function<Result<void>(std::string_view)>;

    ScriptAdapter(const PackagedText &package, Sink sink)
        : package_(package), sink_(std::move(sink)) {}

    struct Outcome {
        bool changed = false;
        bool unwritable = false;  // a path stayed, because the destination cannot be written
    };

    Result<void> feed(std::string_view bytes);
    Result<Outcome> finish();

   private:
    Result<void> work(bool last);
    Result<void> replace(std::size_t begin, std::size_t end, std::string_view text);

    const PackagedText &package_;
    Sink sink_;
    std::string text_;      // what is known of the text, from a little before `done_`
    std::size_t done_ = 0;  // up to where it was given to the sink
    Outcome outcome_;
};

// A control file with names in place of the packaging's paths in "module_pathname" and "directory";
// as it is when there are none, or when nothing sensible would come of it.
std::string adapted_control_file(std::string_view text, const PackagedText &package);

}  // namespace pgx
