"""helper_memory.py - the peak memory of the helper, as the kernel counts it.

A script in the helper's place runs it under time. What the helper runs itself (the signature's verifier) counts as well: the
kernel tells the largest of these processes.
"""

from measure import Samples
from stage import BENCH, Server, pg_config


class HelperMemory:
    """While it lasts, the server's helper is measured."""

    def __init__(self, server: Server):
        self.server = server
        self.log = BENCH / "web" / "helper.log"  # in a directory that the server's user may write to

    def __enter__(self):
        wrapper = BENCH / "helper"
        helper = BENCH / "install" / pg_config("--bindir").lstrip("/") / "pgx"
        # The helper insists on being the child of the process that it is told.
        wrapper.write_text(f"""#!/bin/sh
exec /usr/bin/time --format=%M --append --output={self.log} sh -c 'exec {helper} helper --parent $PPID'
""")
        wrapper.chmod(0o755)
        self.server.sql(f"ALTER SYSTEM SET pgx.helper_path = '{wrapper}'")
        self.server.sql("SELECT pg_reload_conf()")
        return self

    def __exit__(self, *_):
        self.server.sql("ALTER SYSTEM RESET pgx.helper_path")
        self.server.sql("SELECT pg_reload_conf()")

    def peaks(self, times: int, action, before=lambda: None) -> Samples:
        """The largest helper of each of so many actions, in bytes."""
        samples = Samples("pgx", "B")
        for _ in range(times):
            before()
            self.log.unlink(missing_ok=True)
            action()
            samples.values.append(max(int(line) for line in self.log.read_text().split()) * 1024)
        return samples
