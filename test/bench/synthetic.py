"""synthetic.py - packages that were never in a repository.

Their files and receipts are put where pgx would have put them, and pgx takes them up as it does after DROP EXTENSION pgx: a way
to a thousand installed packages without building and downloading a thousand.
"""

import hashlib
import json
import pathlib
import random
import uuid

from stage import AS_USER, MAJOR, run

FILES = 10
SIZES = (200, 60_000)  # bytes, as scripts and small libraries are


def place_packages(data: pathlib.Path, first: int, last: int) -> None:
    """Files and receipts of packages number first to last."""
    version = data / "pgx" / str(MAJOR)
    random.seed(first)
    for number in range(first, last + 1):
        name = f"synthetic_{number}"
        contents = {f"share/extension/{name}.control": b"default_version = '1.0'\n"}
        for part in range(FILES - 1):
            contents[f"share/extension/{name}--{part}.0.sql"] = random.randbytes(random.randint(*SIZES))
        for path, content in contents.items():
            (version / path).write_bytes(content)
        receipt = {
            "package": name, "version": "1.0", "registry": "bench", "artifact_url": f"http://127.0.0.1/{name}",
            "artifact_sha256": hashlib.sha256(name.encode()).hexdigest(), "artifact_size": 1, "signer": "",
            "files": [{"path": path, "kind": "control" if path.endswith(".control") else "script", "size": len(content),
                       "mode": 0o644, "sha256": hashlib.sha256(content).hexdigest()}
                      for path, content in sorted(contents.items())],
            "extensions": [{"name": name, "default_version": "1.0", "comment": "", "directory": "", "schema": "",
                            "requires": [], "superuser": True, "trusted": False, "relocatable": True, "libraries": []}],
            "modules": [], "left_out": {}}
        (version / "receipts" / f"{name}.json").write_text(json.dumps(receipt))
    hand_over(version)


def interrupt_change(data: pathlib.Path) -> None:
    """What a crash leaves in the middle of an installation: a journal, and some of its files in place."""
    change = str(uuid.uuid4())
    steps = []
    for part in range(FILES):
        path = f"share/extension/interrupted--{part}.0.sql"
        (data / "pgx" / str(MAJOR) / path).write_bytes(b"SELECT 1;")
        steps.append({"step": "place", "path": path, "replaces": False, "sha256": ""})
    journal = data / "pgx" / "journal"
    (journal / f"{change}.d").mkdir()
    (journal / f"{change}.json").write_text(json.dumps({"journal": 1, "change": change, "steps": steps}))
    hand_over(data / "pgx")


def hand_over(directory: pathlib.Path) -> None:
    run("chown", "-R", run(AS_USER, "id", "-un").strip(), directory)
    run("chmod", "-R", "u=rwX,go=rX", directory)
    run("sync")
