"""Which worker runs what: one of them has the engine, and with it all tests that need one."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

FOLDER = "tests/engine/"


class EngineTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out single tests, but those of this folder as if they were one.

    ``--dist loadgroup`` is meant for that; pytest-xdist 3.8 and pytest 9.2 do not agree on how a
    test's group is told, so that it deals out every test by itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        return FOLDER if nodeid.startswith(FOLDER) else nodeid
