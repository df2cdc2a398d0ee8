#include "helper/terminal.h"

#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace pgx {

namespace {

// The terminal shows what is typed again when this goes.
class Echo {
   public:
    Echo() {
        if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        off_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    }
    Echo(const Echo &) = delete;
    Echo &operator=(const Echo &) = delete;
    ~Echo() {
        if (!off_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        std::fputc('\n', stderr);
    }

   private:
    termios before_ = {};
    bool off_ = false;
};

// By read(), since a stream's buffer would keep what was typed.
Result<std::string> read_line() {
    std::string line;
    char character = 0;
    while (line.size() < 1024) {
        const ssize_t count = ::read(STDIN_FILENO, &character, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(system_error("could not read the passphrase", errno));
        if (count == 0 || character == '\n') break;
        line += character;
    }
    if (!line.empty()) return line;
    return fail(ErrorCode::wrong_state, "no passphrase was given", {},
                "Type it, or give it as a line on standard input.");
}

Result<std::string> ask_once(const std::string &prompt) {
    if (::isatty(STDIN_FILENO) != 0) std::fprintf(stderr, "%s: ", prompt.c_str());
    const Echo echo;
    return read_line();
}

}  // namespace

Result<std::string> ask_passphrase(const std::string &prompt, bool twice) {
    std::string first = TRY(ask_once(prompt));
    if (!twice || ::isatty(STDIN_FILENO) == 0) return first;
    std::string second = TRY(ask_once(prompt + " again"));
    const bool same = first == second;
    ::sodium_memzero(second.data(), second.size());
    if (same) return first;
    ::sodium_memzero(first.data(), first.size());
    return fail(ErrorCode::invalid_argument, "the two passphrases differ", {}, "Try again.");
}

}  // namespace pgx
