"""published.py - sections about registries of pgx's own kind."""

import shlex
import shutil

from helper_memory import HelperMemory
from measure import Row, Samples, limit_row, plain_row, ratio_row, take_turns, timed
from publishing import AptTwin, BundleRegistry, SyntheticRegistry, make_bundle
from stage import BULK_BYTES, Session, run

MEBIBYTE = 1024 * 1024
SIZES = (1_000, 100_000)  # packages
MOST_BYTES = 60 * 1024    # of a refresh after one change
MOST_SECONDS = 0.15
SMALL_BUNDLE = 10_000_000


def registries(bench) -> list:
    """made-up registries of 1,000 and 100,000 packages: refresh(), available(), search(), against apt-get update and others"""
    rows = []
    for packages in SIZES:
        print(f"  {packages:,} packages ...", flush=True)
        registry = SyntheticRegistry(bench.repository, packages)
        apt = AptTwin(bench.repository, registry)
        add(bench, registry)
        if packages == SIZES[-1]:
            rows += first_refresh(bench, registry, apt)
        else:
            bench.server.sql(f"SELECT pgx.refresh('{registry.name}')")
        rows += one_change(bench, registry, apt)
        if packages == SIZES[-1]:
            rows += nothing_new(bench, registry)
            rows += look(bench, registry, apt)
        bench.server.sql(f"SELECT pgx.drop_registry('{registry.name}')")
    return rows


def add(bench, registry) -> None:
    bench.server.sql(f"SELECT pgx.add_registry('{registry.name}', '{registry.web.url}', root => '{registry.root}')")


def refreshed(bench, registry, status: str) -> tuple:
    """Seconds, requests and bytes of a refresh in a session of its own, which must have this outcome."""
    registry.web.traffic()
    with Session(bench.server) as session:
        answer, seconds = session.sql(f"SELECT status FROM pgx.refresh('{registry.name}');")
    if answer != status:
        raise SystemExit(f"pgx.refresh('{registry.name}') answered {answer}")
    return seconds, *registry.web.traffic()


def forget(bench, registry) -> None:
    """As if the registry had never been read."""
    bench.server.sql(f"SELECT pgx.drop_registry('{registry.name}')")
    bench.server.sql("VACUUM FULL pgx.releases")
    shutil.rmtree(bench.server.data / "pgx" / "trust", ignore_errors=True)
    add(bench, registry)
    run("sync")


def measured(refresh, traffic: dict):
    """The seconds of a refresh; what it transferred is taken down in `traffic`."""
    def once() -> float:
        seconds, requests, size = refresh()
        traffic["requests"].values.append(requests)
        traffic["bytes"].values.append(size)
        return seconds
    return once


def new_traffic(name: str) -> dict:
    return {"requests": Samples(name, "requests"), "bytes": Samples(name, "B")}


def apt_traffic(apt: AptTwin, update) -> tuple:
    apt.web.traffic()
    return update(), *apt.web.traffic()


def one_change(bench, registry, apt: AptTwin) -> list:
    what = f"refresh() after one change, {registry.packages:,} packages"
    pgx, other = Samples("pgx"), Samples("apt-get update")
    ours, theirs = new_traffic("pgx"), new_traffic("apt-get update")

    def changed() -> tuple:
        registry.publish()
        return refreshed(bench, registry, "updated")

    take_turns(5, (pgx, measured(changed, ours)), (other, measured(lambda: apt_traffic(apt, apt.update), theirs)))
    return [limit_row(what, pgx, MOST_SECONDS, other),
            plain_row("the same, requests", ours["requests"], theirs["requests"]),
            limit_row("the same, bytes", ours["bytes"], MOST_BYTES, theirs["bytes"])]


def first_refresh(bench, registry, apt: AptTwin) -> list:
    what = f"first refresh(), {registry.packages:,} packages"
    pgx, other = Samples("pgx"), Samples("apt-get update")
    ours, theirs = new_traffic("pgx"), new_traffic("apt-get update")

    def anew() -> tuple:
        forget(bench, registry)
        return refreshed(bench, registry, "updated")

    take_turns(3, (pgx, measured(anew, ours)), (other, measured(lambda: apt_traffic(apt, apt.first_update), theirs)),
               warm_up=False)
    with HelperMemory(bench.server) as helper:
        memory = helper.peaks(1, lambda: bench.server.sql(f"SELECT pgx.refresh('{registry.name}')"),
                              before=lambda: forget(bench, registry))
    return [plain_row(what, pgx, other),
            plain_row("the same, requests", ours["requests"], theirs["requests"]),
            plain_row("the same, bytes", ours["bytes"], theirs["bytes"]),
            limit_row("the same, helper's memory", memory, 64 * MEBIBYTE)]


def nothing_new(bench, registry) -> list:
    timestamp = f"{registry.web.url}/metadata/timestamp.json"
    tag = next(line.split()[1] for line in run("curl", "-sSf", "-I", timestamp).splitlines() if line.lower().startswith("etag:"))
    pgx, curl, ours = Samples("pgx"), Samples("curl, one conditional request"), new_traffic("pgx")

    def ask() -> float:
        return timed(lambda: run("curl", "-sSf", "-H", f"If-None-Match: {tag}", timestamp))

    take_turns(15, (pgx, measured(lambda: refreshed(bench, registry, "unchanged"), ours)), (curl, ask))
    return [Row(f"refresh(), nothing new, {registry.packages:,} packages", pgx, curl, "<= 1.5 x + 15 ms",
                pgx.median <= 1.5 * curl.median + 0.015),
            plain_row("the same, requests", ours["requests"]),
            plain_row("the same, bytes", ours["bytes"])]


def look(bench, registry, apt: AptTwin) -> list:
    def called(call: str, rows: range) -> float:
        with Session(bench.server) as session:
            answer, seconds = session.sql(f"SELECT * FROM pgx.{call};")
        if len(answer.splitlines()) not in rows:
            raise SystemExit(f"pgx.{call} has found {len(answer.splitlines())} packages")
        return seconds

    total = f"{registry.packages:,} packages"
    available, listed = Samples("pgx"), Samples("apt list")
    everything = range(registry.packages, registry.packages + 1000)
    take_turns(3, (available, lambda: called("available()", everything)), (listed, apt.listed))
    result = [plain_row(f"available(), {total}", available, listed)]
    for kind, words, rows in (("a rare word", "4711", range(1, 50)), ("a package's name", "package_4711", range(1, 20)),
                              ("a word that 1 % have", "series42", range(900, 1100)),
                              ("two words that 12 % have", "ledger audit", range(700, 900)),
                              ("nothing found", "zeppelin", range(0, 1))):
        pgx, other = Samples("pgx"), Samples("apt-cache search")
        take_turns(5, (pgx, lambda: called(f"search('{words}')", rows)), (other, lambda: apt.searched(words)))
        result.append(limit_row(f"search(), {total}: {kind}", pgx, 0.05, other))
    return result


def bundles(bench) -> list:
    """a bundle of 200 MB from a registry, against curl | zstd | tar and fsync of every file; install_bundle() of 10 MB"""
    registry = BundleRegistry(bench.repository)
    large, small = make_bundle("large_bundle", BULK_BYTES), make_bundle("small_bundle", SMALL_BUNDLE)
    registry.publish(large)
    add(bench, registry)
    bench.server.sql(f"SELECT pgx.refresh('{registry.name}')")
    steps = (f"curl -sSf {shlex.quote(registry.url_of(large))} | zstd -d | tar -x; "
             "find . -type f -print0 | xargs -0 sync")
    pgx, plain = Samples("pgx"), Samples("curl | zstd | tar, fsync")
    take_turns(5, (pgx, lambda: bench.install("'large_bundle'")), (plain, lambda: bench.shell(steps)))
    with HelperMemory(bench.server) as helper:
        memory = helper.peaks(3, lambda: bench.server.sql("SELECT pgx.install('large_bundle')"), before=bench.server.reset)

    def by_hand(argument: str) -> float:
        bench.server.reset()
        bench.server.sql("DELETE FROM pgx.stored_bundles")
        bench.server.sql("DELETE FROM pgx.releases WHERE registry = 'bundles'")
        with Session(bench.server) as session:
            answer, seconds = session.sql(f"SELECT action FROM pgx.install_bundle({argument}, allow_unsigned => true);")
        if "installed" not in answer:
            raise SystemExit(f"pgx.install_bundle({argument}) answered:\n{answer}")
        return seconds

    by_path, by_bytes = Samples("pgx"), Samples("pgx")
    take_turns(5, (by_path, lambda: by_hand(f"'{small}'")), (by_bytes, lambda: by_hand(f"pg_read_binary_file('{small}')")))
    bench.server.reset()
    return [ratio_row("install() of a bundle of 200 MB", pgx, plain, 1.2),
            limit_row("the same, helper's memory", memory, 64 * MEBIBYTE),
            plain_row("install_bundle(path) of 10 MB", by_path),
            plain_row("install_bundle(bytea) of 10 MB", by_bytes)]
