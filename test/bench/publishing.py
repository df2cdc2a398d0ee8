"""publishing.py - registries of pgx's own kind, and what serves the same packages to apt.

Both are below the web server's /bench/own/. What a registry has is told by its own files, so the apt repository beside it
holds the same names, versions, texts and digests.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import stage
from measure import timed
from stage import BENCH, ROOT, run

PGX = BENCH / "install" / stage.pg_config("--bindir").lstrip("/") / "pgx"
GENERATOR = ROOT / "build" / "test" / "synthetic-registry"


class WebFolder:
    """A folder that the web server serves, and what it has answered from it."""

    def __init__(self, repository: stage.Repository, name: str):
        self.path = repository.directory / "own" / "bench" / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.url = f"{repository.url.removesuffix('/debian')}/own/{name}"
        self.log = repository.directory / "nginx" / "access.log"
        self.seen = 0

    def traffic(self) -> tuple:
        """Requests, and bytes of their answers without headers, since the last call."""
        time.sleep(0.05)  # the server answers first, and writes it down then
        place = f" /bench/own/{self.path.name}/"
        lines = [line for line in self.log.read_text().splitlines() if place in line]
        fresh, self.seen = lines[self.seen:], len(lines)
        return len(fresh), sum(int(line.split()[-1]) for line in fresh)


class SyntheticRegistry:
    """So many packages, made up; the bundles are missing."""

    def __init__(self, repository: stage.Repository, packages: int):
        run("cmake", "--build", ROOT / "build", "--target", GENERATOR.name)
        self.name, self.packages = f"synthetic_{packages}", packages
        self.web = WebFolder(repository, self.name)
        self.keys = repository.directory / f"keys-{packages}"
        self.root = run(GENERATOR, self.web.path, self.keys, packages).strip()
        self.added = 0

    def publish(self) -> None:
        """One package more."""
        self.added += 1
        run(GENERATOR, self.web.path, self.keys, "--add", f"added_{self.added}")

    def catalog(self) -> dict:
        """All packages, by name."""
        shards = sorted((self.web.path / "targets" / "catalog").glob("*.json.zst"))
        text = subprocess.run(["zstd", "--decompress", "--stdout", "--quiet", *shards], check=True, stdout=subprocess.PIPE).stdout
        packages, decoder, text, at = {}, json.JSONDecoder(), text.decode(), 0
        while at < len(text):
            shard, at = decoder.raw_decode(text, at)
            packages |= shard["packages"]
        if len(packages) != self.packages:
            raise SystemExit(f"there are {len(packages)} packages in the registry of {self.packages}")
        return packages


class AptTwin:
    """An apt repository of the same packages, and lists of apt's own, apart from the host's."""

    def __init__(self, repository: stage.Repository, registry: SyntheticRegistry):
        self.web = WebFolder(repository, f"apt_{registry.packages}")
        self.architecture = run("dpkg", "--print-architecture").strip()
        stanzas = [self._stanza(name, package) for name, package in sorted(registry.catalog().items())]
        suites = self.web.path / "dists"
        # Before one change, and after it. What comes before is read into lists and never measured.
        self._write_suite(suites / "before", stanzas[:-1], repository.signer, level="-0")
        self._write_suite(suites / "after", stanzas, repository.signer, level="-6")
        self.state = BENCH / "apt"
        shutil.rmtree(self.state, ignore_errors=True)
        (self.state / "now" / "lists" / "partial").mkdir(parents=True)
        (self.state / "sources").write_text(f"deb [signed-by={repository.key}] {self.web.url} bench main\n")
        self.options = [word for option in (
            f"Dir::Etc::SourceList={self.state}/sources", "Dir::Etc::SourceParts=/dev/null", "APT::Sandbox::User=root",
            f"Dir::State::Lists={self.state}/now/lists", f"Dir::Cache={self.state}/now", "Acquire::Languages=none",
        ) for word in ("-o", option)]
        self._serve("before")
        run("apt-get", *self.options, "update")
        (self.state / "now").rename(self.state / "before")
        self._serve("after")

    def first_update(self) -> float:
        """Seconds of apt-get update without lists."""
        return self._update(lambda now: (now / "lists" / "partial").mkdir(parents=True))

    def update(self) -> float:
        """Seconds of apt-get update when one package has been added since the last time."""
        return self._update(lambda now: run("cp", "-a", "--link", self.state / "before", now))

    def listed(self) -> float:
        """Seconds of apt list, which shows all packages with their versions."""
        return timed(lambda: run("apt", *self.options, "list"))

    def searched(self, words: str) -> float:
        """Seconds of apt-cache search."""
        return timed(lambda: run("apt-cache", *self.options, "search", *words.split()))

    def _update(self, prepare) -> float:
        now = self.state / "now"
        shutil.rmtree(now, ignore_errors=True)
        prepare(now)
        run("sync")
        seconds = timed(lambda: run("apt-get", *self.options, "update"))
        newest = self.web.path / "dists" / "after" / "InRelease"
        if newest.read_bytes() not in [path.read_bytes() for path in (now / "lists").glob("*InRelease")]:
            raise SystemExit("apt-get update has not read the newest lists")
        return seconds

    def _serve(self, suite: str) -> None:
        link = self.web.path / "dists" / "bench"
        link.unlink(missing_ok=True)
        link.symlink_to(suite)

    def _stanza(self, name: str, package: dict) -> str:
        release = package["releases"][0]
        artifact = next(one for one in release["artifacts"] if one["architecture"] == self.architecture)
        name = name.replace("_", "-")
        fields = {"Package": name, "Version": release["version"], "Architecture": self.architecture,
                  "Depends": f"postgresql-{artifact['postgres']}, libc6 (>= {artifact['libc']})",
                  "Homepage": package["homepage"], "Filename": f"pool/{name}/{artifact['file']}", "Size": artifact["size"],
                  "SHA256": artifact["sha256"], "Description": f"{package['summary']}\n {package['description']}"}
        return "".join(f"{field}: {value}\n" for field, value in fields.items())

    def _write_suite(self, suite: pathlib.Path, stanzas: list, signer, level: str) -> None:
        folder = pathlib.Path("main") / f"binary-{self.architecture}"
        (suite / folder).mkdir(parents=True)
        plain = "\n".join(stanzas).encode()
        compressed = subprocess.run(["xz", level, "--threads=0", "--stdout"], check=True, input=plain, stdout=subprocess.PIPE).stdout
        (suite / folder / "Packages.xz").write_bytes(compressed)
        lines = [f" {hashlib.sha256(content).hexdigest()} {len(content)} {folder}/{name}"
                 for name, content in (("Packages", plain), ("Packages.xz", compressed))]
        release = (f"Origin: bench\nSuite: bench\nCodename: bench\nDate: {stage.repository.release_date(-3600)}\n"
                   f"Architectures: {self.architecture}\nComponents: main\nSHA256:\n" + "\n".join(lines) + "\n")
        (suite / "InRelease").write_bytes(signer.sign(release.encode()))
        # apt tells the two apart by it, to the second
        os.utime(suite / "InRelease", times=(age := time.time() - 60 * len(suite.name), age))


class BundleRegistry:
    """A registry with bundles of large extensions in it."""

    def __init__(self, repository: stage.Repository):
        self.name = "bundled"
        self.web = WebFolder(repository, self.name)
        self.keys = repository.directory / "keys-bundled"
        printed = run(PGX, "registry", "init", self.web.path, "--keys", self.keys)
        self.root = re.search(r"sha256:[0-9a-f]{64}", printed)[0]

    def publish(self, bundle: pathlib.Path) -> None:
        run(PGX, "registry", "add", self.web.path, bundle, "--keys", self.keys)

    def url_of(self, bundle: pathlib.Path) -> str:
        path = next(self.web.path.glob(f"**/{bundle.name}"))
        return f"{self.web.url}/{path.relative_to(self.web.path)}".replace("+", "%2B")


def make_bundle(extension: str, size: int) -> pathlib.Path:
    """A bundle of an extension with so many bytes that do not compress."""
    with tempfile.TemporaryDirectory(dir=BENCH) as scratch:
        scratch, tree = pathlib.Path(scratch), pathlib.Path(scratch) / "tree"
        for path, content in stage.make_large_files(extension, size, scratch).items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        output = BENCH / "web" / "bundles"
        run(PGX, "pack", tree, "--name", extension, "--version", "1.0.0", "--output", output)
        return next(output.glob(f"{extension}-*.trunk"))
