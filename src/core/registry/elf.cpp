// elf.cpp - libelf for the structure, a scan of the read-only data for what no header tells.
//
// libelf (elfutils) is made for damaged files, but what it hands out are sizes and offsets from the
// file, so each section is checked against the file's size before its data is asked for. Only
// section headers are used: the loader itself goes by program headers, but no build of PostgreSQL's
// produces a library without section headers, and a library whose two views disagree gains nothing
// here, because the scan only informs; what may be loaded was decided by the signature.
//
// Whether a module has to be preloaded is written nowhere. All modules that need it do the same two
// things: they look at process_shared_preload_libraries_in_progress, and they have an error
// message. The variable alone says little (vector and orafce look at it to skip something), and so
// does a message alone (pgtt's says that it must not be preloaded).
#include "core/registry/elf.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <tuple>

#include "core/base/descriptor.h"

namespace pgx {

namespace {

// No table of a real library is near this; it bounds memory.
constexpr std::uint64_t largest_table = 32 * 1024 * 1024;
constexpr std::size_t most_version_entries = 10'000;
constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::size_t longest_message = 1024;

struct ElfEnder {
    void operator()(Elf *elf) const { elf_end(elf); }
};
using ElfPointer = std::unique_ptr<Elf, ElfEnder>;

// Finds messages that demand preloading in a stream of bytes: runs of printable characters.
class MessageScan {
   public:
    void feed(std::string_view bytes) {
        for (char c : bytes) {
            if ((c >= ' ' && c <= '~') || c == '\n' || c == '\t') {
                if (run_.size() < longest_message) run_ += c;
            } else {
                end();
            }
        }
    }
    void end() {
        if (run_.size() >= 24 && !found_) found_ = demands_preload(run_);
        run_.clear();
    }
    bool found() const { return found_; }

   private:
    std::string run_;
    bool found_ = false;
};

// PG_MODULE_MAGIC leaves a block in the module's constant data. Its beginning, from PostgreSQL 15
// on, is: length, version (major * 100), three limits, a flag, all of them int, then char[32] with
// "PostgreSQL". The combination is long enough to be no accident, while the symbol that names it is
// local and stripped from distributions' builds.
class MagicScan {
   public:
    static constexpr std::size_t numbers_size = 6 * 4, text_size = 32;

    explicit MagicScan(bool little_endian) : little_endian_(little_endian) {}

    void look(std::string_view bytes) {
        std::array<char, text_size> text{};
        std::memcpy(text.data(), "PostgreSQL", 10);
        const std::string_view needle(text.data(), text.size());
        for (std::size_t at = bytes.find(needle); at != std::string_view::npos;
             at = bytes.find(needle, at + 1))
            if (at >= numbers_size) consider(bytes.substr(at - numbers_size, numbers_size));
    }

    std::optional<unsigned> major() const {
        if (majors_.size() != 1) return std::nullopt;
        return *majors_.begin();
    }

   private:
    void consider(std::string_view numbers) {
        const auto number = [&](std::size_t index) {
            std::uint32_t value = 0;
            for (std::size_t i = 0; i < 4; ++i) {
                const std::size_t shift = 8 * (little_endian_ ? i : 3 - i);
                value |= std::uint32_t{static_cast<unsigned char>(numbers[4 * index + i])} << shift;
            }
            return value;
        };
        const auto within = [&](std::size_t index, std::uint32_t low, std::uint32_t high) {
            return number(index) >= low && number(index) <= high;
        };
        const std::uint32_t version = number(1);
        if (within(0, numbers_size + text_size, 1024) && within(1, 1500, 9900) &&
            version % 100 == 0 && within(2, 8, 10000) && within(3, 1, 10000) &&
            within(4, 8, 10000) && within(5, 0, 1))
            majors_.insert(version / 100);
    }

    bool little_endian_;
    std::set<unsigned> majors_;
};

using Version = std::tuple<unsigned, unsigned, unsigned>;

// "GLIBC_2.34" is {2, 34, 0}; nullopt for anything else ("GLIBC_PRIVATE").
std::optional<Version> parse_glibc_version(std::string_view name) {
    constexpr std::string_view prefix = "GLIBC_";
    if (!name.starts_with(prefix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    std::array<unsigned, 3> numbers{};
    for (unsigned &number : numbers) {
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error != std::errc()) return std::nullopt;
        name.remove_prefix(static_cast<std::size_t>(end - name.data()));
        if (name.empty()) return Version(numbers[0], numbers[1], numbers[2]);
        if (name[0] != '.') return std::nullopt;
        name.remove_prefix(1);
    }
    return std::nullopt;
}

class ElfReader {
   public:
    ElfReader(int descriptor, std::uint64_t size, std::string_view name)
        : descriptor_(descriptor), size_(size), name_(name) {}

    Result<ElfModule> read() {
        if (elf_version(EV_CURRENT) == EV_NONE)
            return fail(ErrorCode::internal, "could not initialize libelf");
        elf_.reset(elf_begin(descriptor_, ELF_C_READ, nullptr));
        if (!elf_ || elf_kind(elf_.get()) != ELF_K_ELF) return malformed("It is not an ELF file.");
        GElf_Ehdr header;
        if (gelf_getehdr(elf_.get(), &header) == nullptr)
            return malformed("Its header cannot be read.");
        if (header.e_type != ET_DYN) return malformed("It is not a shared library.");
        module_.machine = header.e_machine;
        module_.bits = header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
        module_.little_endian = header.e_ident[EI_DATA] == ELFDATA2LSB;

        std::size_t sections = 0;
        if (elf_getshdrnum(elf_.get(), &sections) != 0 || sections == 0)
            return malformed("It has no section headers.");
        // Section headers are the last thing in a library, so this is also what a truncated one
        // stumbles over.
        if (!inside_file(header.e_shoff, sections, header.e_shentsize))
            return malformed("It is truncated.");

        TRY(read_sections());
        if (!dynamic_seen_) return malformed("It has no dynamic section.");
        if (module_.postgres_module) TRY(scan_data());
        return std::move(module_);
    }

   private:
    std::unexpected<Error> malformed(std::string detail) const {
        return fail(ErrorCode::artifact_malformed, "invalid library \"" + name_ + "\"",
                    std::move(detail));
    }

    bool inside_file(std::uint64_t offset, std::uint64_t count, std::uint64_t size) const {
        std::uint64_t bytes = 0, end = 0;
        return !__builtin_mul_overflow(count, size, &bytes) &&
               !__builtin_add_overflow(offset, bytes, &end) && end <= size_;
    }

    Result<void> read_sections() {
        for (Elf_Scn *section = nullptr; (section = elf_nextscn(elf_.get(), section)) != nullptr;) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr)
                return malformed("A section header cannot be read.");
            if (header.sh_type != SHT_NOBITS && !inside_file(header.sh_offset, 1, header.sh_size))
                return malformed("It is truncated.");
            if (header.sh_type == SHT_DYNAMIC)
                TRY(read_dynamic(section, header));
            else if (header.sh_type == SHT_DYNSYM)
                TRY(read_symbols(section, header));
            else if (header.sh_type == SHT_GNU_verneed)
                TRY(read_versions(section, header));
            else if (header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_ALLOC) != 0 &&
                     (header.sh_flags & SHF_EXECINSTR) == 0)
                data_sections_.push_back(header);
        }
        return {};
    }

    // The data of a table and of the string table it refers to.
    Result<Elf_Data *> table(Elf_Scn *section, const GElf_Shdr &header) {
        Elf_Scn *strings = elf_getscn(elf_.get(), header.sh_link);
        GElf_Shdr strings_header;
        if (strings == nullptr || gelf_getshdr(strings, &strings_header) == nullptr ||
            strings_header.sh_type != SHT_STRTAB)
            return malformed("A table has no string table.");
        if (header.sh_size > largest_table || strings_header.sh_size > largest_table)
            return malformed("A table is too large.");
        if (!inside_file(strings_header.sh_offset, 1, strings_header.sh_size))
            return malformed("It is truncated.");
        Elf_Data *data = elf_getdata(section, nullptr);
        if (data == nullptr) return malformed("A table cannot be read.");
        return data;
    }

    Result<std::string> text(const GElf_Shdr &header, std::uint64_t offset) {
        const char *found = elf_strptr(elf_.get(), header.sh_link, offset);
        if (found == nullptr) return malformed("A name lies outside of its string table.");
        return std::string(found);
    }

    Result<void> read_dynamic(Elf_Scn *section, const GElf_Shdr &header) {
        dynamic_seen_ = true;
        Elf_Data *data = TRY(table(section, header));
        GElf_Dyn entry;
        for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
            switch (entry.d_tag) {
                case DT_NEEDED:
                    module_.needed.push_back(TRY(text(header, entry.d_un.d_val)));
                    break;
                case DT_SONAME:
                    module_.soname = TRY(text(header, entry.d_un.d_val));
                    break;
                case DT_RPATH:
                    module_.rpath = TRY(text(header, entry.d_un.d_val));
                    break;
                case DT_RUNPATH:
                    module_.runpath = TRY(text(header, entry.d_un.d_val));
                    break;
                default:
                    break;
            }
        }
        return {};
    }

    Result<void> read_symbols(Elf_Scn *section, const GElf_Shdr &header) {
        Elf_Data *data = TRY(table(section, header));
        GElf_Sym symbol;
        for (int i = 1; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
            const char *found = elf_strptr(elf_.get(), header.sh_link, symbol.st_name);
            if (found == nullptr) return malformed("A name lies outside of its string table.");
            const std::string_view symbol_name = found;
            if (symbol.st_shndx == SHN_UNDEF) {
                asks_for_preload_ |= symbol_name == "process_shared_preload_libraries_in_progress";
            } else {
                module_.postgres_module |= symbol_name == "Pg_magic_func";
                module_.output_plugin |= symbol_name == "_PG_output_plugin_init";
                module_.archive_module |= symbol_name == "_PG_archive_module_init";
                has_init_ |= symbol_name == "_PG_init";
                has_functions_ |= symbol_name.starts_with("pg_finfo_");
            }
        }
        return {};
    }

    Result<void> read_versions(Elf_Scn *section, const GElf_Shdr &header) {
        Elf_Data *data = TRY(table(section, header));
        Version newest{};
        std::size_t entries = 0;
        GElf_Verneed need;
        for (int at = 0; gelf_getverneed(data, at, &need) != nullptr;) {
            GElf_Vernaux version;
            std::uint64_t inner = static_cast<std::uint64_t>(at) + need.vn_aux;
            for (unsigned i = 0; i < need.vn_cnt; ++i) {
                if (++entries > most_version_entries || inner > largest_table)
                    return malformed("Its version table is too large.");
                if (gelf_getvernaux(data, static_cast<int>(inner), &version) == nullptr) break;
                const std::string version_name = TRY(text(header, version.vna_name));
                const std::optional<Version> parsed = parse_glibc_version(version_name);
                if (parsed && *parsed > newest) {
                    newest = *parsed;
                    module_.glibc = version_name.substr(std::strlen("GLIBC_"));
                }
                if (version.vna_next == 0) break;
                inner += version.vna_next;
            }
            if (++entries > most_version_entries || need.vn_next > largest_table)
                return malformed("Its version table is too large.");
            if (need.vn_next == 0) break;
            at += static_cast<int>(need.vn_next);
        }
        return {};
    }

    // Reads the data sections piece by piece, not through libelf, which would hold them whole.
    Result<void> scan_data() {
        MagicScan magic(module_.little_endian);
        MessageScan messages;
        std::string buffer;
        for (const GElf_Shdr &header : data_sections_) {
            buffer.clear();
            for (std::uint64_t done = 0; done < header.sh_size;) {
                const std::size_t kept =
                    std::min(buffer.size(), MagicScan::numbers_size + MagicScan::text_size);
                buffer.erase(0, buffer.size() - kept);
                const auto wanted = static_cast<std::size_t>(
                    std::min<std::uint64_t>(chunk_size, header.sh_size - done));
                buffer.resize(kept + wanted);
                TRY(read_at(header.sh_offset + done, buffer.data() + kept, wanted));
                magic.look(buffer);
                if (asks_for_preload_ && (header.sh_flags & SHF_WRITE) == 0)
                    messages.feed(std::string_view(buffer).substr(kept));
                done += wanted;
            }
            messages.end();
        }
        module_.hook = module_.postgres_module && has_init_ && !has_functions_ &&
                       !module_.output_plugin && !module_.archive_module;
        module_.postgres_major = magic.major();
        module_.needs_preload = messages.found();
        return {};
    }

    Result<void> read_at(std::uint64_t offset, char *target, std::size_t size) const {
        while (size > 0) {
            const ssize_t count = ::pread(descriptor_, target, size, static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0)
                return fail(system_error("could not read library \"" + name_ + "\"", errno));
            if (count == 0) return malformed("It is truncated.");
            target += count;
            offset += static_cast<std::uint64_t>(count);
            size -= static_cast<std::size_t>(count);
        }
        return {};
    }

    int descriptor_;
    std::uint64_t size_;
    std::string name_;
    ElfPointer elf_;
    ElfModule module_;
    std::vector<GElf_Shdr> data_sections_;
    bool dynamic_seen_ = false;
    bool asks_for_preload_ = false;
    bool has_init_ = false, has_functions_ = false;
};

struct Architecture {
    std::string_view name;
    unsigned machine, bits;
    bool little_endian;
};

// Debian's architectures; 258 is EM_LOONGARCH, which older elf.h do not have.
constexpr Architecture architectures[] = {
    {"amd64", EM_X86_64, 64, true},  {"arm64", EM_AARCH64, 64, true},
    {"armel", EM_ARM, 32, true},     {"armhf", EM_ARM, 32, true},
    {"i386", EM_386, 32, true},      {"loong64", 258, 64, true},
    {"mips64el", EM_MIPS, 64, true}, {"ppc64", EM_PPC64, 64, false},
    {"ppc64el", EM_PPC64, 64, true}, {"riscv64", EM_RISCV, 64, true},
    {"s390x", EM_S390, 64, false},   {"x32", EM_X86_64, 32, true},
};

}  // namespace

bool demands_preload(std::string_view message) {
    std::string folded(message);
    for (char &c : folded)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto has = [&](std::string_view phrase) {
        return folded.find(phrase) != std::string::npos;
    };
    if (!has("shared_preload_libraries")) return false;
    constexpr std::string_view demands[] = {
        "must be loaded",    "can only be loaded", "needs to be loaded",
        "need to be loaded", "has to be loaded",   "should be loaded",
        "must be preloaded", "please preload",     "is not in shared_preload_libraries",
    };
    return std::ranges::any_of(demands, has) || (has("add ") && has("restart"));
}

Result<ElfModule> read_elf(const std::string &path, std::string_view name) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status = {};
    if (file.number() < 0 || ::fstat(file.number(), &status) != 0)
        return fail(system_error("could not open library \"" + std::string(name) + "\"", errno));
    if (!S_ISREG(status.st_mode))
        return fail(ErrorCode::artifact_malformed, "invalid library \"" + std::string(name) + "\"",
                    "It is not a regular file.");
    return ElfReader(file.number(), static_cast<std::uint64_t>(status.st_size), name).read();
}

std::string architecture_of(const ElfModule &module) {
    if (module.machine == EM_ARM && module.little_endian) return "armhf";
    const auto *found = std::ranges::find_if(architectures, [&](const Architecture &known) {
        return known.machine == module.machine && known.bits == module.bits &&
               known.little_endian == module.little_endian;
    });
    return found == std::end(architectures) ? std::string() : std::string(found->name);
}

Result<void> check_architecture(const ElfModule &module, std::string_view architecture,
                                std::string_view name) {
    const auto *expected = std::ranges::find(architectures, architecture, &Architecture::name);
    if (expected == std::end(architectures)) return {};
    if (module.machine == expected->machine && module.bits == expected->bits &&
        module.little_endian == expected->little_endian)
        return {};
    std::string built_for = architecture_of(module);
    if (built_for.empty()) built_for = "machine number " + std::to_string(module.machine);
    return fail(
        ErrorCode::wrong_platform,
        "library \"" + std::string(name) + "\" is for another processor architecture",
        "It was built for " + built_for + ", this server is " + std::string(architecture) + ".");
}

}  // namespace pgx
