// archives.cpp - .deb, tar, zip and bundles: walked to their end, and unpacked.
#include <archive.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "../unit/bundle_builder.h"
#include "../unit/deb_builder.h"
#include "../unit/silent_reporter.h"
#include "core/bundle/bundle_reader.h"
#include "core/registry/archive.h"
#include "core/registry/archive_handle.h"
#include "core/registry/tar_reader.h"
#include "core/registry/unpack.h"
#include "target.h"

namespace pgx::fuzz {

namespace {

// Small, so that bombs do not take a fuzzer's time; that larger ones are stopped too is a matter of
// the same comparisons.
constexpr ArchiveLimits limits{.entries = 1000,
                               .total = 8 << 20,
                               .file = 4 << 20,
                               .ratio = 100,
                               .ratio_from = 1 << 20,
                               .header = 65536};

void walk(Result<std::unique_ptr<ArchiveReader>> reader) {
    if (!reader) return;
    std::uint64_t entries = 0;
    while (true) {
        auto entry = (*reader)->next();
        if (!entry || !*entry) return;
        require(++entries <= limits.entries, "no more entries than the limit");
        const ArchiveEntry &found = **entry;
        require(found.path.empty() || stays_inside(found.path), "paths stay inside");
        require(found.path.empty() ? found.type == ArchiveEntry::Type::directory : true,
                "only a directory can be the root");
        require(found.size <= limits.file, "no file is larger than the limit");
        if (found.type != ArchiveEntry::Type::file || entries % 3 == 2) continue;
        std::uint64_t size = 0;
        auto content = (*reader)->read([&](std::string_view bytes) -> Result<void> {
            size += bytes.size();
            return {};
        });
        if (!content) return;
        require(size == found.size, "content has the size that was said");
    }
}

// The input as a tar stream, piece by piece as it comes out of a decompressor.
class Pieces : public TarSource {
   public:
    explicit Pieces(std::string_view bytes) : bytes_(bytes) {}
    Result<std::string_view> next() override {
        const std::string_view piece = bytes_.substr(at_, 4096);
        at_ += piece.size();
        return piece;
    }
    Result<void> finish(std::uint64_t, std::uint64_t) override { return {}; }
    std::uint64_t position() const override { return at_; }

   private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

}  // namespace

void deb(std::string_view input) {
    OneFile fs(input);
    walk(open_deb(fs, input_path, limits));
    walk(open_deb_control(fs, input_path, limits));
}

Seeds deb_seeds() {
    const std::string tar = TarBuilder()
                                .directory("./")
                                .directory("./usr/")
                                .file("./usr/x", "content")
                                .symlink("./usr/l", "x")
                                .finish();
    Seeds seeds;
    for (const char *compression : {"", "xz", "gz", "zst"})
        seeds.push_back(make_deb(tar, compression));
    seeds.push_back(
        ArBuilder()
            .member("debian-binary", "2.0\n")
            .member("control.tar.gz",
                    compress(TarBuilder().file("./control", "Package: x\n").finish(), "gz"))
            .member("data.tar", tar)
            .member("_extra", "x")
            .finish());
    return seeds;
}

// What dpkg writes, and with the extended headers that bundles may have.
void tar(std::string_view input) {
    for (const bool pax : {false, true}) {
        TarReader reader(std::make_unique<Pieces>(input),
                         ArchiveContext("input", "archive", limits), pax);
        if (!reader.open(*find_tar_compression(""))) continue;
        struct Borrowed : ArchiveReader {
            explicit Borrowed(TarReader &lender) : from(lender) {}
            Result<std::optional<ArchiveEntry>> next() override { return from.next(); }
            Result<void> read(const std::function<Result<void>(std::string_view)> &sink) override {
                return from.read(sink);
            }
            std::uint64_t position() const override { return from.position(); }
            TarReader &from;
        };
        walk(std::make_unique<Borrowed>(reader));
    }
}

Seeds tar_seeds() {
    return {
        TarBuilder().finish(),
        TarBuilder().directory("./").file("./a", "1").file("./b", std::string(600, 'x')).finish(),
        TarBuilder().file(std::string(150, 'n') + "/x", "long").finish(),
        TarBuilder().file("a", "1").hard_link("b", "a").symlink("c", "../d").finish(),
        TarBuilder().pax({"path=x/y", "size=3", "mtime=1.5"}).file("a", "abc").finish(),
        TarBuilder().entry({.name = "dev", .type = '3'}).finish(),
        TarBuilder().entry({.name = "../up"}, "x").finish(),
        TarBuilder().entry({.name = "big", .size = "77777777777"}, "x").finish()};
}

void archive(std::string_view input) {
    OneFile fs(input);
    walk(open_archive(fs, input_path, limits));
}

Seeds archive_seeds() {
    const std::string tar = TarBuilder().directory("t/").file("t/a", "1").finish();
    const std::vector<ZipEntry> entries{
        {"t/"}, {"t/a", "content"}, {"t/b", std::string(5000, 'x')}};
    return {compress(tar, "zst"), compress(tar, "gz"), make_zip(entries),
            make_zip(entries, "zip:compression=store"), make_zip({{.name = "l", .link = "../x"}})};
}

void bundle(std::string_view input) {
    OneFile fs(input);
    auto opened = open_bundle(fs, input_path, limits);
    if (!opened) return;
    require(parse_bundle_folder_name(bundle_folder_name(opened->name)).has_value(),
            "the name that was read is one");
    walk(read_bundle(fs, input_path, *opened, limits));
}

Seeds bundle_seeds() {
    Seeds seeds;
    for (const char *platform : {"any", "gnulinux-2.36-amd64"}) {
        const BundleBuilder builder = BundleBuilder::thing(platform);
        seeds.push_back(builder.finish());
        seeds.push_back(builder.zip());
    }
    return seeds;
}

// Through the layout, the control files and the modules onto the disk: nothing may appear outside.
void unpacked_deb(std::string_view input) {
    const char *variable = ::getenv("TMPDIR");
    std::string top = std::string(variable != nullptr ? variable : "/tmp") + "/pgx-fuzz-XXXXXX";
    require(::mkdtemp(top.data()) != nullptr, "there is a directory");
    struct Removal {
        ~Removal() { (void)remove_tree(real_file_system(), path).has_value(); }
        std::string path;
    } const removal{top};
    // As a tar archive, since a fuzzer does not get through compression.
    const std::string path = top + "/artifact";
    {
        const std::string whole = make_deb(input, "");
        auto file = real_file_system().create(path, 0600);
        require(file && (*file)->append(whole) && (*file)->close(), "the input can be written");
    }
    Artifact artifact;
    artifact.package = "postgresql-18-x";
    artifact.version = "1";
    artifact.size = input.size();
    artifact.sha256 = std::string(64, '0');
    Platform platform;
    platform.postgres_major = 18;
    platform.architecture = "amd64";
    SilentReporter reporter;
    auto receipt = unpack_deb(path, artifact, platform, top + "/staging", real_file_system(),
                              reporter, limits);
    std::size_t files = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(top)) {
        require(!entry.is_symlink(), "there are no links");
        files += entry.is_regular_file();
    }
    if (!receipt) return;
    require(files == receipt->files.size() + 1, "there are the files of the receipt and no others");
    for (const ReceiptFile &file : receipt->files)
        require(is_clean_install_path(file.path), "their paths are clean");
    const auto again = receipt_from_json(to_json(*receipt));
    require(again.has_value(), "the receipt can be read");
}

Seeds unpacked_deb_seeds() {
    const std::string share = "./usr/share/postgresql/18/extension/";
    return {TarBuilder()
                .directory("./")
                .file(share + "thing.control", "default_version = '1.0'\n")
                .file(share + "thing--1.0.sql", "SELECT 1;\n")
                .file("./usr/share/doc/x/copyright", "x")
                .finish(),
            TarBuilder()
                .file(share + "a.control",
                      "default_version = '2'\ndirectory = 'more'\nrequires = 'b'\n")
                .file("./usr/share/postgresql/18/more/a--1.sql", "")
                .file("./usr/share/postgresql/18/more/a--1--2.sql", "")
                .symlink(share + "l.sql", "a.control")
                .file("./usr/lib/postgresql/18/lib/a.so",
                      "\x7f"
                      "ELF")
                .finish()};
}

}  // namespace pgx::fuzz
