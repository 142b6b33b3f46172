"""Which worker runs what: one has the engine, one the browser, one Spark, and all their tests.

What is dealt out first is what has the most tests, and so these.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    *("tests/browser/", "tests/engine/", "tests/spark/"),
    *("tests/test_installed.py", "tests/test_notebook.py", "tests/test_seams.py"),
    *("tests/test_stock_image.py", "tests/test_testing.py"),
)
"""The tests of each share something that takes long to make."""


class FoldersTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out single tests, but those of each of these places as if they were one.

    ``--dist loadgroup`` is meant for that; pytest-xdist 3.8 and pytest 9.2 do not agree on how a
    test's group is told, so that it deals out every test by itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)
