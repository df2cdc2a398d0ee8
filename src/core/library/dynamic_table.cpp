// dynamic_table.cpp - libelf for all of it: dynamic section, version sections, dynamic symbols.
//
// By section headers, as elf.cpp does and for the same reason: what may be loaded has been decided
// by a signature, and every build of a distribution's has them.
#include "core/library/dynamic_table.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include "core/base/descriptor.h"

namespace pgx {

namespace {

// Of a library with more, something is wrong; it bounds memory. The largest real one has 200,000.
constexpr int most_symbols = 2'000'000;
constexpr std::size_t most_version_entries = 10'000;
constexpr GElf_Versym hidden_bit = 0x8000;

struct ElfEnder {
    void operator()(Elf *elf) const { elf_end(elf); }
};

struct Section {
    Elf_Scn *scn = nullptr;
    GElf_Shdr header = {};
};

class Reader {
   public:
    Reader(int descriptor, std::string_view name) : descriptor_(descriptor), name_(name) {}

    Result<DynamicTable> read(Symbols symbols) {
        if (elf_version(EV_CURRENT) == EV_NONE)
            return fail(ErrorCode::internal, "could not initialize libelf");
        elf_.reset(elf_begin(descriptor_, ELF_C_READ_MMAP, nullptr));
        GElf_Ehdr header;
        if (!elf_ || elf_kind(elf_.get()) != ELF_K_ELF ||
            gelf_getehdr(elf_.get(), &header) == nullptr)
            return malformed("It is not an ELF file.");
        table_.machine = header.e_machine;
        table_.bits = header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;

        Section dynamic, dynamic_symbols, versions, needs, definitions;
        for (Elf_Scn *scn = nullptr; (scn = elf_nextscn(elf_.get(), scn)) != nullptr;) {
            GElf_Shdr section;
            if (gelf_getshdr(scn, &section) == nullptr)
                return malformed("A section header cannot be read.");
            if (section.sh_type == SHT_DYNAMIC) dynamic = {scn, section};
            if (section.sh_type == SHT_DYNSYM) dynamic_symbols = {scn, section};
            if (section.sh_type == SHT_GNU_versym) versions = {scn, section};
            if (section.sh_type == SHT_GNU_verneed) needs = {scn, section};
            if (section.sh_type == SHT_GNU_verdef) definitions = {scn, section};
        }
        if (dynamic.scn == nullptr) return malformed("It has no dynamic section.");
        TRY(read_dynamic(dynamic));
        if (needs.scn != nullptr) TRY(read_needs(needs));
        if (definitions.scn != nullptr) TRY(read_definitions(definitions));
        if (symbols == Symbols::read && dynamic_symbols.scn != nullptr)
            TRY(read_symbols(dynamic_symbols, versions));
        return std::move(table_);
    }

   private:
    std::unexpected<Error> malformed(std::string detail) const {
        return fail(ErrorCode::artifact_malformed, "invalid library \"" + name_ + "\"",
                    std::move(detail));
    }

    Result<Elf_Data *> data_of(const Section &section) {
        Elf_Data *data = elf_getdata(section.scn, nullptr);
        if (data == nullptr) return malformed("A table cannot be read.");
        return data;
    }

    Result<std::string> text(const Section &section, std::uint64_t offset) {
        const char *found = elf_strptr(elf_.get(), section.header.sh_link, offset);
        if (found == nullptr) return malformed("A name lies outside of its string table.");
        return std::string(found);
    }

    Result<void> read_dynamic(const Section &section) {
        Elf_Data *data = TRY(data_of(section));
        GElf_Dyn entry;
        for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
            if (entry.d_tag == DT_NEEDED)
                table_.needed.push_back(TRY(text(section, entry.d_un.d_val)));
            if (entry.d_tag == DT_SONAME) table_.soname = TRY(text(section, entry.d_un.d_val));
            if (entry.d_tag == DT_RPATH) table_.rpath = TRY(text(section, entry.d_un.d_val));
            if (entry.d_tag == DT_RUNPATH) table_.runpath = TRY(text(section, entry.d_un.d_val));
        }
        return {};
    }

    Result<void> read_needs(const Section &section) {
        Elf_Data *data = TRY(data_of(section));
        GElf_Verneed need;
        std::size_t entries = 0;
        for (int at = 0; gelf_getverneed(data, at, &need) != nullptr;
             at += static_cast<int>(need.vn_next)) {
            const std::string library = TRY(text(section, need.vn_file));
            GElf_Vernaux version;
            for (int inner = at + static_cast<int>(need.vn_aux);
                 gelf_getvernaux(data, inner, &version) != nullptr;
                 inner += static_cast<int>(version.vna_next)) {
                if (++entries > most_version_entries)
                    return malformed("Its version table is too large.");
                library_of_version_[version.vna_other & ~hidden_bit] = library;
                if ((version.vna_flags & VER_FLG_WEAK) == 0)
                    table_.version_needs[library].insert(TRY(text(section, version.vna_name)));
                if (version.vna_next == 0) break;
            }
            if (need.vn_next == 0) break;
        }
        return {};
    }

    Result<void> read_definitions(const Section &section) {
        Elf_Data *data = TRY(data_of(section));
        GElf_Verdef definition;
        std::size_t entries = 0;
        for (int at = 0; gelf_getverdef(data, at, &definition) != nullptr;
             at += static_cast<int>(definition.vd_next)) {
            if (++entries > most_version_entries)
                return malformed("Its version table is too large.");
            GElf_Verdaux name;
            // The first name is the version's own, the others are those that it succeeds.
            if (gelf_getverdaux(data, at + static_cast<int>(definition.vd_aux), &name) != nullptr)
                table_.version_definitions.insert(TRY(text(section, name.vda_name)));
            if (definition.vd_next == 0) break;
        }
        return {};
    }

    Result<void> read_symbols(const Section &section, const Section &versions) {
        Elf_Data *data = TRY(data_of(section));
        Elf_Data *version_data = versions.scn != nullptr ? TRY(data_of(versions)) : nullptr;
        GElf_Sym symbol;
        for (int i = 1; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
            if (i > most_symbols) return malformed("Its symbol table is too large.");
            const int binding = GELF_ST_BIND(symbol.st_info);
            // Absolute ones are the names of versions.
            if (binding == STB_LOCAL || symbol.st_shndx == SHN_ABS || symbol.st_name == 0) continue;
            DynamicSymbol found;
            found.name = TRY(text(section, symbol.st_name));
            found.defined = symbol.st_shndx != SHN_UNDEF;
            found.strong = found.defined && binding == STB_GLOBAL;
            GElf_Versym version;
            if (!found.defined && version_data != nullptr &&
                gelf_getversym(version_data, i, &version) != nullptr)
                if (const auto known = library_of_version_.find(version & ~hidden_bit);
                    known != library_of_version_.end())
                    found.library = known->second;
            table_.symbols.push_back(std::move(found));
        }
        return {};
    }

    int descriptor_;
    std::string name_;
    std::unique_ptr<Elf, ElfEnder> elf_;
    DynamicTable table_;
    std::map<unsigned, std::string> library_of_version_;
};

}  // namespace

Result<DynamicTable> read_dynamic_table(const std::string &path, std::string_view name,
                                        Symbols symbols) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status = {};
    if (file.number() < 0 || ::fstat(file.number(), &status) != 0)
        return fail(system_error("could not open library \"" + std::string(name) + "\"", errno));
    if (!S_ISREG(status.st_mode))
        return fail(ErrorCode::artifact_malformed, "invalid library \"" + std::string(name) + "\"",
                    "It is not a regular file.");
    return Reader(file.number(), name).read(symbols);
}

}  // namespace pgx
