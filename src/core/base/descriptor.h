// descriptor.h - a file descriptor with an owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace pgx {

// Closes it at the end. Empty when the number is negative, as that of a call which has failed.
class Descriptor {
   public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor &operator=(Descriptor &&other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    ~Descriptor() { close(); }

    int number() const { return number_; }
    bool valid() const { return number_ >= 0; }
    int release() { return std::exchange(number_, -1); }
    void close() {
        if (number_ >= 0) (void)::close(std::exchange(number_, -1));
    }

   private:
    int number_;
};

}  // namespace pgx
