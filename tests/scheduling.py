"""Which worker runs what: one has the engine, one the browser, one Spark, and all their tests."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

FOLDERS = ("tests/browser/", "tests/engine/", "tests/spark/")


class FoldersTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out single tests, but those of each of these folders as if they were one.

    ``--dist loadgroup`` is meant for that; pytest-xdist 3.8 and pytest 9.2 do not agree on how a
    test's group is told, so that it deals out every test by itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in FOLDERS if nodeid.startswith(folder)), nodeid)
