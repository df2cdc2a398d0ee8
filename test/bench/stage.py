"""stage.py - what the contestants play on: a repository of real packages on loopback, and a PostgreSQL server.

The packages are the distribution's own. They are downloaded once, into build/bench/packages, indexed and signed with a
key of the benchmark's own, and served by nginx. apt-get and pgx both use that repository and nothing else, so no
measurement waits for a network. Everything is below build/bench, on the disk that the checkout is on; fsync is on.
"""

import hashlib
import io
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tarfile
import tempfile

import deb
import repository

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "bench"
AS_USER = str(ROOT / "test" / "env" / "as-server-user")
PG_CONFIG = os.environ["PG_CONFIG"]
BULK_BYTES = 200_000_000


def run(*command, **options) -> str:
    """A command's standard output; what it said is shown when it fails."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        raise SystemExit(f"failed: {' '.join(str(word) for word in command)[:300]}\n{result.stdout[-3000:]}")
    return result.stdout


def pg_config(option: str) -> str:
    return run(PG_CONFIG, option).strip()


def as_user(*command, **options) -> str:
    return run(AS_USER, *command, **options)


MAJOR = int(re.search(r"\d+", run(PG_CONFIG, "--version"))[0])


# --- packages ---------------------------------------------------------------------------------------------------------

def offered_packages() -> dict:
    """The stanzas (Packages fields) of the distribution's packages for this major, by name."""
    prefix = f"postgresql-{MAJOR}-"
    names = sorted(run("apt-cache", "pkgnames", prefix).split())
    if not names:
        run("apt-get", "update")
        names = sorted(run("apt-cache", "pkgnames", prefix).split())
    stanzas = {}
    for text in run("apt-cache", "show", "--no-all-versions", *names).strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"[\w-]+: ", line))
        stanzas[fields["Package"]] = fields
    return stanzas


def complete_packages() -> list:
    """Names of packages that depend on nothing that is not installed, so that all contestants install the same."""
    listed = run("dpkg-query", "-W", "-f", "${Package}\n${Provides}\n").replace(",", "\n").splitlines()
    installed = {re.split(r"[ :(]", one.strip())[0] for one in listed}

    def is_complete(fields: dict) -> bool:
        for group in fields.get("Depends", "").split(","):
            alternatives = {re.split(r"[ :(]", one.strip())[0] for one in group.split("|")}
            if group.strip() and not alternatives & installed:
                return False
        return True

    return [name for name, fields in sorted(offered_packages().items())
            if is_complete(fields) and name not in installed and not name.endswith("-dbgsym")]


def holds_extension(path: pathlib.Path) -> bool:
    """Whether the package holds an extension that requires none but the server's own; some hold only programs."""
    share = f"usr/share/postgresql/{MAJOR}/extension"
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        controls = [tar.extractfile(entry).read().decode() for entry in tar
                    if entry.isfile() and entry.name.endswith(".control") and share in entry.name]
    required = {name.strip() for text in controls for value in re.findall(r"^requires\s*=\s*'(.*)'", text, re.M)
                for name in value.split(",") if name.strip()}
    return bool(controls) and all((pathlib.Path("/") / share / f"{name}.control").exists() for name in required)


def download(names: list) -> list:
    """The .deb files of these packages, from earlier runs where they are there."""
    directory = BENCH / "packages"
    directory.mkdir(exist_ok=True)
    have = {path.name.split("_")[0]: path for path in directory.glob("*.deb")}
    missing = [name for name in names if name not in have]
    if missing:
        print(f"downloading {len(missing)} packages ...", flush=True)
        options = ["-o", "APT::Sandbox::User=root"]
        if subprocess.run(["apt-get", *options, "download", "-q", *missing], cwd=directory, capture_output=True).returncode:
            run("apt-get", "update")
            run("apt-get", *options, "download", "-q", *missing, cwd=directory)
        have = {path.name.split("_")[0]: path for path in directory.glob("*.deb")}
    return [have[name] for name in names]


def choose_packages(count: int) -> list:
    """The .deb files of so many packages; semver's is the first."""
    first = f"postgresql-{MAJOR}-semver"
    if count == 1:
        return download([first])
    files = download([first] + [name for name in complete_packages() if name != first])
    chosen = [path for path in files if holds_extension(path)][:count]
    if len(chosen) < count:
        raise SystemExit(f"only {len(chosen)} packages can be installed without others, {count} are needed")
    return chosen


def make_large_files(extension: str, size: int, scratch: pathlib.Path) -> dict:
    """An extension whose four libraries have so many bytes of noise, which does not compress: content by path."""
    share, lib = f"/usr/share/postgresql/{MAJOR}/extension", f"/usr/lib/postgresql/{MAJOR}/lib"
    files = {f"{share}/{extension}.control": "default_version = '1.0'\ncomment = 'a large extension'\n",
             f"{share}/{extension}--1.0.sql": "SELECT 1;\n"}
    noise, source, library = scratch / "noise", scratch / "large.c", scratch / "large.so"
    source.write_text(f'__asm__(".section .rodata\\n.incbin \\"{noise}\\"\\n.text");\n')
    for number in range(4):
        noise.write_bytes(os.urandom(size // 4))
        run("gcc", "-shared", "-fPIC", "-I", pg_config("--includedir-server"), "-o", library, source,
            ROOT / "test" / "fixture" / "module.c")
        files[f"{lib}/{extension}_{number}.so"] = library.read_bytes()
    return files


def make_bulk(root: pathlib.Path, scratch: pathlib.Path) -> None:
    """A package of 200 MB."""
    package = deb.Package(f"postgresql-{MAJOR}-bulk", "1.0-1", "a large extension", compression="zstd",
                          architecture=run("dpkg", "--print-architecture").strip(),
                          files=make_large_files("bulk", BULK_BYTES, scratch))
    package.build(root, "bulk", scratch)


# --- the repository ---------------------------------------------------------------------------------------------------

class Repository:
    """An apt repository of the given .deb files, signed and served."""

    def __init__(self, files: list, with_bulk: bool):
        self.directory = BENCH / "web"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.root = self.directory / "repository"
        pool = self.root / "pool"
        pool.mkdir(parents=True)
        for path in files:
            # apt-get writes the colon of an epoch as %3a, which would have to be written otherwise in a URL
            os.link(path, pool / path.name.replace("%3a", "."))
        if with_bulk:
            with tempfile.TemporaryDirectory(dir=BENCH) as scratch:
                make_bulk(self.root, pathlib.Path(scratch))
            bulk = next(pool.glob("bulk/**/*.deb"))
            (self.root / "bulk.tar.zst").write_bytes(
                subprocess.run(["ar", "p", bulk, "data.tar.zst"], check=True, stdout=subprocess.PIPE).stdout)
        self.key = self.directory / "keys" / "bench.gpg"
        self._index()
        self.port = self._serve()
        self.url = f"http://127.0.0.1:{self.port}/bench/debian"
        self.source = f"deb [signed-by={self.key}] {self.url} bench main"

    def _index(self) -> None:
        architecture = run("dpkg", "--print-architecture").strip()
        suite = self.root / "dists" / "bench"
        packages = suite / "main" / f"binary-{architecture}" / "Packages"
        packages.parent.mkdir(parents=True)
        hashes = [word for name in ("MD5", "SHA1", "SHA512") for word in ("-o", f"APT::FTPArchive::{name}=false")]
        packages.write_text(run("apt-ftparchive", *hashes, "packages", "pool", cwd=self.root))
        contents = suite / "main" / f"Contents-{architecture}"
        contents.write_text(run("apt-ftparchive", *hashes, "contents", "pool", cwd=self.root))
        run("xz", "-1", "--keep", packages)
        run("gzip", contents)
        described = [word for name, value in (("Origin", "pgx"), ("Suite", "bench"), ("Codename", "bench"), ("Components", "main"),
                                              ("Architectures", architecture))
                     for word in ("-o", f"APT::FTPArchive::Release::{name}={value}")]
        release = run("apt-ftparchive", *hashes, *described, "release", suite)
        self.signer = repository.Signer(self.directory / "gnupg", self.key, "bench")
        (suite / "InRelease").write_bytes(self.signer.sign(release.encode()))

    def _serve(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (self.directory / "nginx").mkdir()
        configuration = (ROOT / "test" / "fixture" / "nginx.conf").read_text()
        (self.directory / "nginx" / "nginx.conf").write_text(
            configuration.replace("@DIRECTORY@", str(self.directory)).replace("@PORT@", str(port)))
        run("chown", run(AS_USER, "id", "-un").strip(), self.directory, self.directory / "nginx")
        as_user("nginx", "-e", self.directory / "nginx" / "error.log", "-p", self.directory / "nginx",
                "-c", self.directory / "nginx" / "nginx.conf", stdin=subprocess.DEVNULL)
        return port

    def deb_of(self, name: str) -> pathlib.Path:
        return next(self.root.glob(f"pool/**/{name}_*.deb"))

    def url_of(self, path: pathlib.Path) -> str:
        return f"{self.url}/{path.relative_to(self.root)}".replace("+", "%2B")

    def stop(self) -> None:
        pid = int((self.directory / "nginx" / "nginx.pid").read_text())
        os.kill(pid, 15)
        run("gpgconf", "--homedir", self.directory / "gnupg", "--kill", "all")


def host_sources() -> str:
    """The host's apt sources, before use_only() takes their place."""
    return "\n".join(path.read_text() for path in sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*.sources")))


def use_only(source: str) -> None:
    """Makes apt-get know this repository and no other."""
    for path in [*pathlib.Path("/etc/apt/sources.list.d").iterdir(), pathlib.Path("/etc/apt/sources.list")]:
        path.unlink(missing_ok=True)
    pathlib.Path("/etc/apt/sources.list.d/bench.list").write_text(source + "\n")
    run("apt-get", "update")


# --- the server -------------------------------------------------------------------------------------------------------

class Server:
    """A cluster in build/bench/data with pgx in it, whose only registry is the repository."""

    def __init__(self):
        self.data = BENCH / "data"
        self.bindir = pathlib.Path(pg_config("--bindir"))
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir()
        run("chown", run(AS_USER, "id", "-un").strip(), self.data)
        as_user(self.bindir / "initdb", "--no-instructions", "--auth=trust", "--username=postgres", "--locale=C.UTF-8",
                "-D", self.data)
        self.socket = as_user("mktemp", "-d", "/tmp/pgx-bench.XXXXXX").strip()
        install = BENCH / "install"
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.socket}'\n"
                           f"extension_control_path = '$system:{install}{pg_config('--sharedir')}'\n"
                           f"dynamic_library_path = '$libdir:{install}{pg_config('--pkglibdir')}'\n")
        as_user(self.bindir / "pg_ctl", "-D", self.data, "-l", self.data / "server.log", "--silent", "--wait", "start")

    def sql(self, command: str) -> str:
        with Session(self) as session:
            return session.sql(f"{command};")[0]

    def reset(self) -> None:
        """As if nothing had been installed: no rows, no files, no artifacts in the cache."""
        self.sql("SELECT count(*) FROM pgx.remove(ARRAY(SELECT package FROM pgx.installed), force => true)")
        for path in (self.data / "pgx" / "pgsql_tmp.cache" / "artifacts").glob("*"):
            path.unlink()
        run("sync")

    def stop(self) -> None:
        as_user(self.bindir / "pg_ctl", "-D", self.data, "--mode=immediate", "--silent", "--wait", "stop")
        shutil.rmtree(self.socket, ignore_errors=True)


class Session:
    """A connection: psql, which measures each statement by itself."""

    def __init__(self, server: Server):
        self.process = subprocess.Popen(
            [AS_USER, "stdbuf", "-oL", server.bindir / "psql", "-XAtq", "-h", server.socket, "-U", "postgres", "-d", "postgres",
             "--set=ON_ERROR_STOP=1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.sql("\\timing on")
        self.pid = int(self.sql("SELECT pg_backend_pid();")[0])

    def sql(self, command: str) -> tuple:
        """Its output, and the seconds it took."""
        self.process.stdin.write(f"{command}\n\\echo -- end\n")
        self.process.stdin.flush()
        lines, seconds = [], 0.0
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == "-- end":
                break
            if match := re.match(r"Time: ([\d.]+) ms", line):
                seconds += float(match[1]) / 1000
            else:
                lines.append(line)
        else:
            raise SystemExit(f"failed: {command}\n" + "\n".join(lines))
        return "\n".join(lines), seconds

    def memory(self) -> int:
        """Anonymous memory of the backend, in bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def sha256_of(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
