"""bench.py - the sections of the benchmark.

Each compares pgx with what people would use instead, on the same packages from the same web server, and returns rows of
the table. See test/bench/run.
"""

import argparse
import os
import platform
import re
import shlex
import shutil
import sys
import time

import measure
import published
import stage
import synthetic
from measure import Samples, limit_row, plain_row, ratio_row, take_turns, timed
from helper_memory import HelperMemory
from stage import BENCH, MAJOR, Session

SEMVER = f"postgresql-{MAJOR}-semver"
MEBIBYTE = 1024 * 1024


class Bench:
    """What the sections share."""

    def __init__(self, sections: list):
        self.host_sources = stage.host_sources()
        files = stage.choose_packages(50 if "fifty" in sections else 1)
        self.packages = [path.name.split("_")[0] for path in files]
        with_bulk = bool({"throughput", "memory"} & set(sections))
        self.repository = stage.Repository(files, with_bulk)
        stage.use_only(self.repository.source)
        self.server = stage.Server()
        self.server.sql("CREATE EXTENSION pgx")
        self.server.sql(f"SELECT pgx.add_registry('bench', '{self.repository.source}')")
        self.server.sql("SELECT pgx.refresh()")
        self.plain = BENCH / "plain"

    def stop(self) -> None:
        self.server.stop()
        self.repository.stop()

    def install(self, wish: str) -> float:
        """Seconds of a pgx.install() in a session of its own, from its start to the end of its transaction."""
        self.server.reset()
        with Session(self.server) as session:
            answer, seconds = session.sql(f"SELECT pgx.install({wish});")
        if "installed" not in answer:
            raise SystemExit(f"pgx.install({wish}) answered:\n{answer}")
        return seconds

    def apt_get(self, names: list) -> float:
        """Seconds of apt-get install; what it did is undone, and its cache emptied, outside of that."""
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
        seconds = timed(lambda: stage.run(*command))
        present = stage.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n", *names).split("\n")
        if sum(line.startswith("ii") for line in present) != len(names):
            raise SystemExit("apt-get has not installed all packages")
        stage.run("dpkg", "--purge", *names)
        stage.run("apt-get", "clean")
        stage.run("sync")
        return seconds

    def shell(self, script: str) -> float:
        """Seconds of a shell script in an empty directory on the disk that the server's data are on."""
        shutil.rmtree(self.plain, ignore_errors=True)
        self.plain.mkdir()
        stage.run("sync")
        return timed(lambda: stage.run("bash", "-euo", "pipefail", "-c", script, cwd=self.plain))


# --- sections -----------------------------------------------------------------------------------------------------------

def semver(bench: Bench) -> list:
    """pgx.install('semver') with fresh lists, against apt-get install and against the bare steps in a shell"""
    path = bench.repository.deb_of(SEMVER)
    url, digest = bench.repository.url_of(path), stage.sha256_of(path)
    steps = (f"curl -sSf -o a.deb {shlex.quote(url)}; echo '{digest}  a.deb' | sha256sum --check --quiet; "
             "dpkg-deb -x a.deb files; find files -type f -print0 | xargs -0 sync")
    pgx, apt = Samples("pgx"), Samples("apt-get install")
    plain = Samples("curl, sha256sum, dpkg-deb, fsync")
    take_turns(7, (pgx, lambda: bench.install("'semver'")), (apt, lambda: bench.apt_get([SEMVER])),
               (plain, lambda: bench.shell(steps)))
    return [ratio_row("install('semver')", pgx, apt, 0.1), ratio_row("install('semver')", pgx, plain, 2)]


def refresh(bench: Bench) -> list:
    """pgx.refresh() with nothing new, against one conditional request by curl"""
    url = f"{bench.repository.url}/dists/bench/InRelease"
    headers = stage.run("curl", "-sSf", "-I", url)
    tag = re.search(r"(?i)^etag: (\S+)", headers, re.M)[1]
    pgx, curl = Samples("pgx"), Samples("curl, one conditional request")

    def ask() -> float:
        command = ["curl", "-sSf", "-H", f"If-None-Match: {tag}", "-w", "%{http_code}", url]
        seconds = timed(lambda: answers.append(stage.run(*command)))
        if answers[-1] != "304":
            raise SystemExit(f"the web server answered {answers[-1]}")
        return seconds

    def refreshed() -> float:
        answer, seconds = session.sql("SELECT status, requests FROM pgx.refresh();")
        if answer != "unchanged|1":
            raise SystemExit(f"pgx.refresh() answered {answer}")
        return seconds

    answers = []
    with Session(bench.server) as session:
        take_turns(15, (pgx, refreshed), (curl, ask))
    good = pgx.median <= 1.5 * curl.median + 0.015
    return [measure.Row("refresh(), nothing new", pgx, curl, "<= 1.5 x + 15 ms", good)]


def fifty(bench: Bench) -> list:
    """50 packages in one call, against apt-get install of the same"""
    wish = "ARRAY[" + ", ".join(f"'{name}'" for name in bench.packages) + "]"
    pgx, apt = Samples("pgx"), Samples("apt-get install")
    take_turns(3, (pgx, lambda: bench.install(wish)), (apt, lambda: bench.apt_get(bench.packages)))
    return [ratio_row("install() of 50 packages", pgx, apt, 0.2)]


def throughput(bench: Bench) -> list:
    """a package of 200 MB, against curl | tar and fsync of every file"""
    steps = (f"curl -sSf {bench.repository.url}/bulk.tar.zst | tar --zstd -x; "
             "find . -type f -print0 | xargs -0 sync")
    pgx, plain = Samples("pgx"), Samples("curl | tar, fsync")
    take_turns(5, (pgx, lambda: bench.install("'bulk'")), (plain, lambda: bench.shell(steps)))
    return [ratio_row("install() of 200 MB", pgx, plain, 1.2)]


def memory(bench: Bench) -> list:
    """peak memory of the helper: installing semver and 200 MB, reading the distribution's whole repository"""
    limit = 64 * MEBIBYTE
    with HelperMemory(bench.server) as helper:
        def peaks(times: int, call: str) -> Samples:
            return helper.peaks(times, lambda: bench.server.sql(f"SELECT {call}"), before=bench.server.reset)

        rows = [limit_row("helper's memory, install('semver')", peaks(3, "pgx.install('semver')"), limit),
                limit_row("helper's memory, install() of 200 MB", peaks(3, "pgx.install('bulk')"), limit)]
        sources = bench.host_sources.replace("'", "''")
        bench.server.sql(f"SELECT pgx.add_registry('distribution', '{sources}')")
        rows += [limit_row("helper's memory, first refresh() of the distribution", peaks(1, "pgx.refresh('distribution')"), limit),
                 limit_row("helper's memory, the same with extension names",
                           peaks(1, "pgx.refresh('distribution', extension_names => true)"), limit)]
        bench.server.sql("SELECT pgx.drop_registry('distribution')")
    return rows


def backend(bench: Bench) -> list:
    """what a backend's own memory grows by when it uses pgx"""
    growth = Samples("pgx", "B")
    for _ in range(3):
        bench.server.reset()
        with Session(bench.server) as session:
            session.sql("SELECT count(*) FROM pg_extension;")
            before = session.memory()
            for call in ("pgx.available()", "pgx.search('version')", "pgx.install('semver')", "pgx.refresh()", "pgx.installed"):
                session.sql(f"SELECT count(*) FROM {call};")
            growth.values.append(session.memory() - before)
    return [limit_row("backend's growth: available, search, install, refresh", growth, 4 * MEBIBYTE)]


def syncs(bench: Bench) -> list:
    """what durability costs: the same installation with pgx.directory on a disk and in memory"""
    disk, memory_only = Samples("pgx, on the disk"), Samples("pgx.directory on tmpfs")

    def use(directory: str) -> None:
        bench.server.reset()
        for setting in ("extension_control_path", "dynamic_library_path"):
            bench.server.sql(f"ALTER SYSTEM RESET {setting}")
        bench.server.sql(f"ALTER SYSTEM SET pgx.directory = '{directory}'")
        bench.server.sql("SELECT pg_reload_conf()")
        time.sleep(0.2)
        bench.server.sql("SELECT pgx.setup()")

    def on(directory: str) -> float:
        use(directory)
        return bench.install("'semver'")

    scratch = stage.as_user("mktemp", "-d", "/dev/shm/pgx-bench.XXXXXX").strip()
    take_turns(7, (disk, lambda: on("pgx")), (memory_only, lambda: on(scratch)))
    use("pgx")
    shutil.rmtree(scratch, ignore_errors=True)
    return [plain_row("install('semver'), durable", disk, memory_only)]


def integrity(bench: Bench) -> list:
    """verify() of 100 packages; taking up 900 by their receipts; recovery among 1,000 receipts"""
    bench.server.reset()
    version = bench.server.data / "pgx" / str(MAJOR)
    verify, plain = Samples("pgx"), Samples("find | sha256sum")
    synthetic.place_packages(bench.server.data, 1, 100)
    with Session(bench.server) as session:
        session.sql("SELECT pgx.recover();")

        def verified() -> float:
            answer, seconds = session.sql("SELECT status, count(*) FROM pgx.verify() GROUP BY 1;")
            if answer != "ok|100":
                raise SystemExit(f"pgx.verify() answered {answer}")
            return seconds

        hashes = f"find {version}/share -type f -print0 | xargs -0 sha256sum >/dev/null"
        take_turns(7, (verify, verified), (plain, lambda: timed(lambda: stage.run("bash", "-c", hashes))))

        adoption, recovery = Samples("pgx"), Samples("pgx")
        synthetic.place_packages(bench.server.data, 101, 1000)
        adoption.values.append(session.sql("SELECT pgx.recover();")[1])
        if session.sql("SELECT count(*) FROM pgx.installed;")[0] != "1000":
            raise SystemExit("pgx has not taken up all packages")
        for _ in range(7):
            synthetic.interrupt_change(bench.server.data)
            recovery.values.append(session.sql("SELECT pgx.recover();")[1])
            if list(version.glob("share/extension/interrupted*")):
                raise SystemExit("pgx has not undone the interrupted change")
    bench.server.reset()
    return [plain_row("verify() of 100 packages, 1,000 files", verify, plain),
            plain_row("taking up 900 packages, 9,000 files, by their receipts", adoption),
            plain_row("recovery of an interrupted change among 1,000 receipts", recovery)]


# Tables of the document, by the heading that they stand under.
TABLES = {
    "Results": (semver, refresh, fifty, throughput, syncs, memory, backend, integrity),
    "Registries of pgx's own kind": (published.registries, published.bundles),
}
SECTIONS = {section.__name__: section for sections in TABLES.values() for section in sections}


# --- the run ------------------------------------------------------------------------------------------------------------

def describe_machine() -> str:
    version = stage.run(stage.PG_CONFIG, "--version").strip()
    return f"{re.sub(r' [(].*', '', version)}, {os.cpu_count()} cores, {platform.machine()}, fsync on"


def update_document(rows: dict, arguments: list) -> None:
    """Replaces the tables whose sections have all run; what else stands under their headings, above them, stays."""
    path = stage.ROOT / "docs" / "benchmarks.md"
    parts = re.split(r"^(## .*\n)", path.read_text(), flags=re.M)
    command = " ".join(["test/env/run test/bench/run", *arguments])
    for heading, sections in TABLES.items():
        if not {section.__name__ for section in sections} <= set(rows):
            continue
        table = measure.markdown_table([row for section in sections for row in rows[section.__name__]])
        body = parts.index(f"## {heading}\n") + 1
        prose = re.split(r"^PostgreSQL \d", parts[body], flags=re.M)[0]
        parts[body] = f"{prose}{describe_machine()}; made by `{command}`.\n\n{table}\n\n"
        print(f"\nwritten to {path.relative_to(stage.ROOT)}: {heading}")
    path.write_text("".join(parts).rstrip() + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="test/bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="\n".join(f"  {name:<12} {section.__doc__}" for name, section in SECTIONS.items()))
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="what to measure (default: everything)")
    parser.add_argument("--update", action="store_true", help="write the tables that are complete into docs/benchmarks.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    sections = arguments.sections or list(SECTIONS)

    started = time.monotonic()
    print("making a repository and a server ...", flush=True)
    bench = Bench(sections)
    rows = {}
    try:
        for name in sections:
            print(f"measuring {name}: {SECTIONS[name].__doc__} ...", flush=True)
            rows[name] = SECTIONS[name](bench)
    finally:
        bench.stop()
    print(f"\n{describe_machine()}; {time.monotonic() - started:.0f} s\n\n"
          + measure.text_table([row for name in sections for row in rows[name]]))
    if arguments.update:
        update_document(rows, sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
