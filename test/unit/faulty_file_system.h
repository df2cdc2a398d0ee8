// faulty_file_system.h - a FileSystem in which any call can be made to fail, after leveldb's
// fault_injection_test.
//
// It wraps another one and counts the calls, those on open files included. Before each call it asks
// whether the call shall fail: at the N-th, or as a callback decides, which sees what is about to
// be done and may as well end the process there. remove_tree() is taken apart into single calls, so
// that a fault can hit it half-way.
//
//     FaultyFileSystem fs(real_file_system());
//     fs.fail_at(3, ENOSPC);
//     ... code under test, which must cope ...
#pragma once

#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/file_system.h"

namespace pgx {

class FaultyFileSystem : public FileSystem {
   public:
    // Gets the operation ("create", "append", "rename", ...) and its path before the call; the
    // errno to fail with, or 0.
    using Callback = std::function<int(std::string_view operation, const std::string &path)>;

    explicit FaultyFileSystem(FileSystem &real) : real_(real) {}

    // The N-th call from now on, counted from 1, fails with this errno; later ones work again.
    void fail_at(std::size_t n, int error_number) {
        fail_at_ = calls_ + n;
        error_number_ = error_number;
    }
    // Likewise, but all calls from the N-th on fail, as on a disk that is full or gone.
    void fail_from(std::size_t n, int error_number) {
        fail_at(n, error_number);
        for_good_ = true;
    }
    void on_call(Callback callback) { callback_ = std::move(callback); }
    void heal() {
        fail_at_ = 0;
        for_good_ = false;
        callback_ = nullptr;
    }

    std::size_t calls() const { return calls_; }
    // What was called, as "operation path", faults included.
    const std::vector<std::string> &log() const { return log_; }

    Result<std::unique_ptr<WritableFile>> create(const std::string &path, unsigned mode) override {
        TRY(before("create", path));
        return std::make_unique<FaultyWritableFile>(*this, TRY(real_.create(path, mode)), path);
    }
    Result<std::string> read(const std::string &path, std::uint64_t limit) override {
        TRY(before("read", path));
        return real_.read(path, limit);
    }
    Result<std::unique_ptr<ReadableFile>> open(const std::string &path) override {
        TRY(before("open", path));
        return std::make_unique<FaultyReadableFile>(*this, TRY(real_.open(path)), path);
    }
    Result<std::optional<FileInfo>> info(const std::string &path) override {
        TRY(before("info", path));
        return real_.info(path);
    }
    Result<std::vector<std::string>> list(const std::string &path) override {
        TRY(before("list", path));
        return real_.list(path);
    }
    Result<void> make_directory(const std::string &path, unsigned mode) override {
        TRY(before("make_directory", path));
        return real_.make_directory(path, mode);
    }
    Result<void> make_directories(const std::string &path, unsigned mode) override {
        TRY(before("make_directories", path));
        return real_.make_directories(path, mode);
    }
    Result<void> rename(const std::string &from, const std::string &to) override {
        TRY(before("rename", from));
        return real_.rename(from, to);
    }
    Result<void> link(const std::string &from, const std::string &to) override {
        TRY(before("link", from));
        return real_.link(from, to);
    }
    Result<void> unlink(const std::string &path) override {
        TRY(before("unlink", path));
        return real_.unlink(path);
    }
    Result<void> remove_directory(const std::string &path) override {
        TRY(before("remove_directory", path));
        return real_.remove_directory(path);
    }
    Result<void> remove_tree(const std::string &path) override {
        const std::optional<FileInfo> found = TRY(info(path));
        if (!found) return {};
        for (const std::string &name : TRY(list(path))) {
            const std::string below = join_path(path, name);
            const std::optional<FileInfo> child = TRY(info(below));
            if (child && child->type == FileType::directory)
                TRY(remove_tree(below));
            else
                TRY(unlink(below));
        }
        return remove_directory(path);
    }
    Result<void> start_writeback(const std::string &path) override {
        TRY(before("start_writeback", path));
        return real_.start_writeback(path);
    }
    Result<void> sync_file(const std::string &path) override {
        TRY(before("sync_file", path));
        return real_.sync_file(path);
    }
    Result<void> sync_directory(const std::string &path) override {
        TRY(before("sync_directory", path));
        return real_.sync_directory(path);
    }

   private:
    Result<void> before(std::string_view operation, const std::string &path) {
        ++calls_;
        log_.push_back(std::string(operation) + " " + path);
        int error_number = callback_ ? callback_(operation, path) : 0;
        const bool due = fail_at_ != 0 && (for_good_ ? calls_ >= fail_at_ : calls_ == fail_at_);
        if (error_number == 0 && due) error_number = error_number_;
        if (error_number == 0) return {};
        return fail(system_error(
            "could not " + std::string(operation) + " \"" + path + "\" (injected)", error_number));
    }

    class FaultyWritableFile : public WritableFile {
       public:
        FaultyWritableFile(FaultyFileSystem &fs, std::unique_ptr<WritableFile> real,
                           std::string path)
            : fs_(fs), real_(std::move(real)), path_(std::move(path)) {}
        Result<void> append(std::string_view bytes) override {
            TRY(fs_.before("append", path_));
            return real_->append(bytes);
        }
        Result<void> sync() override {
            TRY(fs_.before("sync", path_));
            return real_->sync();
        }
        Result<void> close() override {
            TRY(fs_.before("close", path_));
            return real_->close();
        }

       private:
        FaultyFileSystem &fs_;
        std::unique_ptr<WritableFile> real_;
        std::string path_;
    };

    class FaultyReadableFile : public ReadableFile {
       public:
        FaultyReadableFile(FaultyFileSystem &fs, std::unique_ptr<ReadableFile> real,
                           std::string path)
            : fs_(fs), real_(std::move(real)), path_(std::move(path)) {}
        Result<std::size_t> read(char *buffer, std::size_t size) override {
            TRY(fs_.before("read_some", path_));
            return real_->read(buffer, size);
        }
        Result<void> seek(std::uint64_t offset) override {
            TRY(fs_.before("seek", path_));
            return real_->seek(offset);
        }

       private:
        FaultyFileSystem &fs_;
        std::unique_ptr<ReadableFile> real_;
        std::string path_;
    };

    FileSystem &real_;
    Callback callback_;
    std::size_t calls_ = 0;
    std::size_t fail_at_ = 0;  // 0: never
    int error_number_ = 0;
    bool for_good_ = false;
    std::vector<std::string> log_;
};

}  // namespace pgx
