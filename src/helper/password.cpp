#include "helper/password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace pgx {

namespace {

struct FileCloser {
    void operator()(std::FILE *file) const { std::fclose(file); }
};

// Turns the terminal's echo off for as long as it lives.
class Silence {
   public:
    explicit Silence(int terminal) : terminal_(terminal) {
        on_ = ::tcgetattr(terminal_, &before_) == 0;
        if (!on_) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        on_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
    }
    Silence(const Silence &) = delete;
    Silence &operator=(const Silence &) = delete;
    ~Silence() {
        if (on_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    bool on() const { return on_; }

   private:
    int terminal_;
    termios before_{};
    bool on_ = false;
};

}  // namespace

Result<std::string> ask_password(const std::string &prompt) {
    if (const char *variable = std::getenv("PGX_PASSWORD"); variable != nullptr) return variable;
    const std::unique_ptr<std::FILE, FileCloser> terminal(std::fopen("/dev/tty", "r+"));
    const auto none = [] {
        return fail(ErrorCode::permission_denied, "a password is needed, and there is no terminal",
                    {}, "Put it into the environment variable PGX_PASSWORD.");
    };
    if (!terminal) return none();
    const Silence silence(::fileno(terminal.get()));
    if (!silence.on()) return none();
    std::fputs(prompt.c_str(), terminal.get());
    std::fflush(terminal.get());
    std::string password;
    for (int c = std::fgetc(terminal.get()); c != EOF && c != '\n'; c = std::fgetc(terminal.get()))
        password += static_cast<char>(c);
    std::fputs("\n", terminal.get());
    return password;
}

}  // namespace pgx
