// installed_files.cpp - what a package installs: libraries, control files, scripts.
#include <array>
#include <cstring>

#include <elf.h>

#include "core/library/dynamic_table.h"
#include "core/registry/control_file.h"
#include "core/registry/elf.h"
#include "core/registry/inspect.h"
#include "core/registry/preload_trial.h"
#include "target.h"

namespace pgx::fuzz {

namespace {

// A shared library, put together by hand so that no compiler is needed: a segment for everything, a
// dynamic section, symbols with versions, and a hash table.
class LibraryBuilder {
   public:
    std::string build() {
        const std::size_t name_at = text("libthing.so.1"), needed_at = text("libc.so.6"),
                          path_at = text("$ORIGIN/x"), version_at = text("GLIBC_2.34"),
                          magic_at = text("Pg_magic_func");
        const std::size_t headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
        std::string body;
        const auto put = [&](const void *data, std::size_t size) {
            const std::size_t at = headers + body.size();
            body.append(static_cast<const char *>(data), size);
            body.resize((body.size() + 7) / 8 * 8);
            return at;
        };
        const std::size_t strings_at = put(strings_.data(), strings_.size());
        std::array<Elf64_Sym, 2> symbols{};
        symbols[1].st_name = static_cast<Elf64_Word>(magic_at);
        symbols[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        symbols[1].st_shndx = 1;
        const std::size_t symbols_at = put(symbols.data(), sizeof symbols);
        const std::array<Elf64_Word, 5> hash{1, 2, 1, 0, 0};
        const std::size_t hash_at = put(hash.data(), sizeof hash);
        const std::array<Elf64_Half, 2> versions{0, 1};
        const std::size_t versions_at = put(versions.data(), sizeof versions);
        struct {
            Elf64_Verneed need;
            Elf64_Vernaux version;
        } needs{};
        needs.need = {1, 1, static_cast<Elf64_Word>(needed_at), sizeof(Elf64_Verneed), 0};
        needs.version.vna_name = static_cast<Elf64_Word>(version_at);
        needs.version.vna_other = 2;
        const std::size_t needs_at = put(&needs, sizeof needs);
        std::string dynamic;
        const auto entry = [&](Elf64_Sxword tag, std::size_t value) {
            Elf64_Dyn one{};
            one.d_tag = tag;
            one.d_un.d_val = value;
            dynamic.append(reinterpret_cast<const char *>(&one), sizeof one);
        };
        entry(DT_SONAME, name_at);
        entry(DT_NEEDED, needed_at);
        entry(DT_RPATH, path_at);
        entry(DT_RUNPATH, path_at);
        entry(DT_STRTAB, strings_at);
        entry(DT_STRSZ, strings_.size());
        entry(DT_SYMTAB, symbols_at);
        entry(DT_SYMENT, sizeof(Elf64_Sym));
        entry(DT_HASH, hash_at);
        entry(DT_VERSYM, versions_at);
        entry(DT_VERNEED, needs_at);
        entry(DT_VERNEEDNUM, 1);
        entry(DT_NULL, 0);
        const std::size_t dynamic_at = put(dynamic.data(), dynamic.size());

        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_phoff = sizeof header;
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 2;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 6;
        header.e_shoff = (headers + body.size() + 7) / 8 * 8;
        std::array<Elf64_Phdr, 2> segments{};
        segments[0] = {PT_LOAD, PF_R, 0, 0, 0, headers + body.size(), headers + body.size(), 4096};
        segments[1] = {PT_DYNAMIC, PF_R,           dynamic_at,     dynamic_at,
                       dynamic_at, dynamic.size(), dynamic.size(), 8};
        std::array<Elf64_Shdr, 6> sections{};
        sections[1] = {0, SHT_STRTAB, SHF_ALLOC, strings_at, strings_at, strings_.size(),
                       0, 0,          1,         0};
        sections[2] = {0, SHT_DYNSYM, SHF_ALLOC, symbols_at,       symbols_at, sizeof symbols,
                       1, 1,          8,         sizeof(Elf64_Sym)};
        sections[3] = {0, SHT_DYNAMIC, SHF_ALLOC, dynamic_at,       dynamic_at, dynamic.size(),
                       1, 0,           8,         sizeof(Elf64_Dyn)};
        sections[4] = {
            0, SHT_GNU_versym, SHF_ALLOC, versions_at, versions_at, sizeof versions, 2, 0, 2, 2};
        sections[5] = {0, SHT_GNU_verneed, SHF_ALLOC, needs_at, needs_at, sizeof needs, 1, 1, 8, 0};
        header.e_shstrndx = 1;
        std::string file(reinterpret_cast<const char *>(&header), sizeof header);
        file.append(reinterpret_cast<const char *>(segments.data()), sizeof segments);
        file += body;
        file.resize(header.e_shoff);
        file.append(reinterpret_cast<const char *>(sections.data()), sizeof sections);
        return file;
    }

   private:
    std::size_t text(const char *value) {
        const std::size_t at = strings_.size();
        strings_ += value;
        strings_ += '\0';
        return at;
    }
    std::string strings_ = std::string(1, '\0');
};

}  // namespace

void elf(std::string_view input) {
    const RealFile file(input);
    if (const auto module = read_elf(file.path(), "input")) {
        require(module->bits == 32 || module->bits == 64, "it has 32 or 64 bits");
        (void)check_architecture(*module, "amd64", "input").has_value();
        (void)architecture_of(*module);
        for (const std::string &needed : module->needed)
            require(needed.find('\0') == std::string::npos, "names end at their end");
    }
    (void)read_dynamic_table(file.path(), "input", Symbols::read).has_value();
}

Seeds elf_seeds() {
    const std::string whole = LibraryBuilder().build();
    std::string other = whole;  // big-endian for half of the fields: not a library, but nearly
    other[EI_DATA] = ELFDATA2MSB;
    return {whole, other};
}

void control_file(std::string_view input) {
    for (const bool secondary : {false, true}) {
        const auto parsed = parse_control_file(input, "input", secondary);
        if (!parsed) continue;
        require(parsed->directory.empty() || stays_inside(parsed->directory),
                "scripts are in a directory inside");
        require(parsed->default_version.empty() || is_valid_version_name(parsed->default_version),
                "versions can be parts of file names");
    }
    if (const auto name = parse_control_file_name(input))
        require(stays_inside(name->extension), "extension names are names");
}

Seeds control_file_seeds() {
    return {
        "# comment\ncomment = 'a ''thing'' of\\n two lines'\ndefault_version = '1.0'\n"
        "module_pathname = '$libdir/thing'\nrequires = 'a, \"b\"'\nrelocatable = true\n"
        "superuser = off\ntrusted = yes\nschema = s\nencoding = UTF8\nno_relocate = 'a'\n",
        "directory = 'extension/thing'\ndefault_version '2'\n", "thing--1.0.control"};
}

void script(std::string_view input) {
    OneFile fs(input);
    (void)libraries_in_script(fs, input_path, "$libdir/thing").has_value();
    std::vector<std::string> names;
    for (const std::string_view part : split_at_nul(input)) names.emplace_back(part);
    if (names.size() < 50)
        for (const std::string &name : scripts_to_create("thing", "2", names))
            require(name.starts_with("thing--"), "scripts of the extension only");
    const Json message = message_in_log(input);
    require(message.contains("message"), "a server's log has a last word");
    (void)dump_json(message);
    (void)demands_preload(input);
}

Seeds script_seeds() {
    return {
        "CREATE FUNCTION f() RETURNS int AS 'MODULE_PATHNAME', 'f' LANGUAGE c;\n"
        "CREATE FUNCTION g() RETURNS int AS '$libdir/other' LANGUAGE c; -- comment\n",
        join_with_nul(
            {"thing--1.sql", "thing--1--2.sql", "thing--1--1.5.sql", "thing--1.5--2.sql"}),
        "FATAL:  could not access file \"x\": No such file\nDETAIL:  more\n\tand more\nHINT:  do\n",
        "must be loaded via shared_preload_libraries"};
}

}  // namespace pgx::fuzz
