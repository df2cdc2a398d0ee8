"""corpus.py - does every extension of the distribution work when pgx installs it?

Two things are found out of each: whether pgx.install(package) succeeds on a server that has none of its libraries, and whether
CREATE EXTENSION then does, in a database of its own, after one restart for those that have to be preloaded. What breaks others
gets a cluster of its own. Nothing is taken for granted from names: what is asked for is what the repository lists for this
PostgreSQL, and what is created is what pgx says that the packages hold.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build" / "corpus"
RESULTS = WORK / "results.json"
DATA = json.loads((ROOT / "test" / "corpus" / "corpus.json").read_text())
AS_USER = str(ROOT / "test" / "env" / "as-server-user")


def pg_config(what: str) -> str:
    return subprocess.check_output([os.environ["PG_CONFIG"], f"--{what}"], text=True).strip()


class Problem(Exception):
    pass


class Cluster:
    """A server that knows of nothing but pgx."""

    def __init__(self, name: str):
        self.directory = WORK / name
        self.sockets = subprocess.check_output([AS_USER, "mktemp", "-d", "/tmp/pgx-corpus.XXXXXX"], text=True).strip()
        self.log = WORK / f"{name}.log"

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run([AS_USER, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)

    def make(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        bindir, install = pg_config("bindir"), WORK / "install"
        made = self.run(f"{bindir}/initdb", "--no-instructions", "--no-sync", "--auth=trust", "--username=postgres",
                        "--locale=C.UTF-8", "-D", str(self.directory))
        if made.returncode:
            raise SystemExit(made.stdout)
        settings = (f"listen_addresses = ''\nfsync = off\nmax_worker_processes = 64\nwal_level = logical\n"
                    f"extension_control_path = '$system:{install}{pg_config('sharedir')}'\n"
                    f"dynamic_library_path = '$libdir:{install}{pg_config('pkglibdir')}'\n")
        self.run("tee", "-a", str(self.directory / "postgresql.conf"), input=settings)

    def control(self, action: str) -> bool:
        done = self.run(f"{pg_config('bindir')}/pg_ctl", "-D", str(self.directory), "-l", str(self.log), "-o", f"-k {self.sockets}",
                        "--mode=immediate" if action == "stop" else "--timeout=60", "--silent", "--wait", action,
                        stdin=subprocess.DEVNULL)
        return done.returncode == 0

    def restart(self) -> bool:
        self.control("stop")
        return self.control("start")

    def sql(self, statement: str, database: str = "postgres", seconds: int = 300) -> str:
        """Its answer; Problem with the error's message and detail."""
        try:
            done = subprocess.run(
                [AS_USER, f"{pg_config('bindir')}/psql", "-XAtq", "--set=ON_ERROR_STOP=1", "-h", self.sockets, "-U", "postgres",
                 "-d", database, "-c", statement], text=True, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Problem(f"no answer within {seconds} s")
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if re.match(r"(ERROR|FATAL|DETAIL|psql: error):", line)]
            raise Problem("; ".join(re.sub(r"^(ERROR|FATAL|DETAIL|psql: error):\s*", "", line) for line in lines) or done.stderr[-300:])
        return done.stdout.strip()


class Corpus:
    def __init__(self, results: dict):
        self.results = results  # {"packages": {name: why not or ""}, "extensions": {name: {...}}}

    def save(self) -> None:
        RESULTS.write_text(json.dumps(self.results, indent=1, sort_keys=True))

    # --- installing ---------------------------------------------------------------------------------------------------

    def prepare(self, cluster: Cluster) -> list:
        cluster.make()
        if not cluster.control("start"):
            raise SystemExit(f"the server does not start, see {cluster.log}")
        cluster.sql("CREATE EXTENSION pgx; SELECT pgx.setup()")
        cluster.sql("SELECT count(*) FROM pgx.available(); SELECT pgx.refresh(extension_names => true)")
        return cluster.sql("SELECT DISTINCT package FROM pgx.releases ORDER BY package").splitlines()

    def install(self, cluster: Cluster, packages: list) -> None:
        """All of them, each by itself. One that does not go together with others is tried again without them."""
        for number, package in enumerate(packages, 1):
            started = time.monotonic()
            problem = ""
            try:
                cluster.sql(f"SELECT * FROM pgx.install('{package}')")
            except Problem as found:
                problem = str(found)
            self.results["packages"][package] = problem
            self.save()
            print(f"{number:>4}/{len(packages)} {package:<48} {time.monotonic() - started:5.1f} s  {problem[:100]}", flush=True)

    # --- creating -----------------------------------------------------------------------------------------------------

    def preload(self, cluster: Cluster, extensions: dict) -> dict:
        """Has pgx preload what has to be, and restarts once. By extension, why not."""
        problems = {}
        for extension, entry in extensions.items():
            if not entry["preload"] or extension in DATA["alone"]:
                continue
            self.set_up(cluster, extension)
            try:
                cluster.sql(f"SELECT * FROM pgx.preload('{extension}')")
            except Problem as found:
                problems[extension] = f"preload: {found}"
        if not cluster.restart():
            raise SystemExit(f"the server does not start with what is preloaded, see {cluster.log}")
        return problems

    def set_up(self, cluster: Cluster, extension: str) -> None:
        if extension in DATA["settings"]:
            cluster.sql(f"ALTER SYSTEM SET {DATA['settings'][extension].format(database=database_name(extension))}")

    def statement(self, cluster: Cluster, extension: str) -> str:
        """What pgx says is to be typed."""
        step = cluster.sql(f"SELECT next_step FROM pgx.install('{extension}') WHERE extension = '{extension}'")
        found = re.search(r"CREATE EXTENSION [^;]*", step)
        return found[0] if found else f'CREATE EXTENSION "{extension}" CASCADE'

    def create(self, cluster: Cluster, extension: str, entry: dict) -> None:
        database = database_name(extension)
        first = DATA["after"].get(extension)
        try:
            cluster.sql(f'CREATE DATABASE "{database}"')
            if first:
                cluster.sql(f'CREATE EXTENSION IF NOT EXISTS "{first}" CASCADE', database)
            cluster.sql(self.statement(cluster, extension), database, 120)
            entry["created"] = True
            if extension in DATA["queries"]:
                query, wanted = DATA["queries"][extension]
                answer = cluster.sql(query, database)
                entry["answered"] = bool(re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), answer))
                if not entry["answered"]:
                    entry["why"] = f'"{query}" gives "{answer}"'
        except Problem as found:
            entry["why"] = re.sub(r"/[^\s\"]*/(?=[^/\s\"]+\.so)", "", str(found))
        finally:
            try:
                cluster.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', seconds=30)
            except Problem:
                pass

    def create_all(self, cluster: Cluster) -> None:
        extensions = {}
        for line in cluster.sql("SELECT extension, package, array_length(preload, 1) FROM pgx.installed_extensions ORDER BY 1").splitlines():
            extension, package, preload = line.split("|")
            extensions[extension] = {"package": package, "created": False, "preload": bool(preload), "why": ""}
        problems = self.preload(cluster, extensions)
        for extension, entry in extensions.items():
            if self.results["extensions"].get(extension, {}).get("created"):
                continue
            if extension in DATA["alone"]:
                entry["alone"] = True
                self.create_alone(extension, entry)
            else:
                self.create(cluster, extension, entry)
            entry["why"] = entry["why"] or problems.get(extension, "")
            self.results["extensions"][extension] = entry
            self.save()
            print(f"     {extension:<40} {'created' if entry['created'] else 'NOT created'}  {entry['why'][:110]}", flush=True)

    def second_round(self) -> None:
        """What breaks something that was installed before it, in a cluster without that."""
        apart = [package for package, why in self.results["packages"].items() if "versions that fit together" in why]
        if not apart:
            return
        cluster = Cluster("second")
        try:
            self.prepare(cluster)
            self.install(cluster, apart)
            self.create_all(cluster)
        finally:
            cluster.control("stop")

    def create_alone(self, extension: str, entry: dict) -> None:
        cluster = Cluster("alone")
        try:
            self.prepare(cluster)
            cluster.sql(f"SELECT * FROM pgx.install('{extension}')")
            self.preload(cluster, {extension: {**entry, "preload": False}})
            self.set_up(cluster, extension)
            first = DATA["after"].get(extension)
            needed = [name for name in (first, extension) if name]
            if entry["preload"] or first:
                for name in needed:
                    cluster.sql(f"SELECT * FROM pgx.preload('{name}')")
                if not cluster.restart():
                    raise Problem("the server does not start with it preloaded")
            self.create(cluster, extension, entry)
        except Problem as found:
            entry["why"] = str(found)
        finally:
            cluster.control("stop")

    # --- telling ------------------------------------------------------------------------------------------------------

    def table(self) -> str:
        rows = [(name, entry["package"], "yes", "yes" if entry["created"] else "no",
                 "" if "answered" not in entry else "yes" if entry["answered"] else "no", entry["why"])
                for name, entry in sorted(self.results["extensions"].items())]
        rows += [("-", package, "no", "", "", why) for package, why in sorted(self.results["packages"].items()) if why]
        text = "| extension | package | installed | created | query | why not |\n|---|---|---|---|---|---|\n"
        return text + "".join("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |\n" for row in rows)

    def summary(self) -> str:
        packages, extensions = self.results["packages"], self.results["extensions"]
        return (f"{sum(not why for why in packages.values())} of {len(packages)} packages were installed, "
                f"{sum(entry['created'] for entry in extensions.values())} of {len(extensions)} extensions created.")


def database_name(extension: str) -> str:
    return "corpus_" + re.sub(r"\W", "_", extension)


def main() -> int:
    names = [argument for argument in sys.argv[1:] if argument != "--again"]
    if "--again" in sys.argv or not RESULTS.exists():
        RESULTS.write_text('{"packages": {}, "extensions": {}}')
    corpus = Corpus(json.loads(RESULTS.read_text()))
    if names:
        corpus.results["packages"] = {name: why for name, why in corpus.results["packages"].items() if name not in names}
        corpus.results["extensions"] = {name: entry for name, entry in corpus.results["extensions"].items() if name not in names}
    cluster = Cluster("data")
    try:
        packages = corpus.prepare(cluster)
        corpus.install(cluster, packages if not names else [name for name in packages if name in names])
        corpus.create_all(cluster)
        cluster.control("stop")
        corpus.second_round()
    finally:
        cluster.control("stop")
        shutil.rmtree(cluster.sockets, ignore_errors=True)
    print()
    print(corpus.summary())
    if not names:
        (ROOT / "docs" / "compatibility.md").write_text(
            "# Compatibility\n\nWhich extensions of the distribution work when pgx installs them, on a server where none of their\n"
            "libraries is installed. Made by `make corpus`; do not edit.\n\n"
            f"{corpus.summary()}\n\n{corpus.table()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
