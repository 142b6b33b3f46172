"""The folders that configurations, transforms, images and sample data are looked for in.

* The *shipped root* is the checkout that this package lies in, or else what was installed with it.
* The *own root* is the current folder, if it has a ``conf/`` or a ``transforms/``. It comes first.

In a container there is no shipped root; what is baked in or shipped lies on Python's path there.
"""

from __future__ import annotations

from pathlib import Path

CONF, TRANSFORMS = "conf", "transforms"

_PACKAGE = Path(__file__).resolve().parents[2]


def _shipped() -> Path:
    checkout = _PACKAGE.parents[1]
    is_checkout = (checkout / "run.py").is_file() and (checkout / CONF).is_dir()
    return checkout if is_checkout else _PACKAGE / "shipped"


SHIPPED = _shipped()


def own_root() -> Path | None:
    """Return the current folder, if it brings configurations or transforms of its own."""
    try:
        folder = Path.cwd()
    except OSError:  # it was removed, which the command line tells
        return None
    if folder == SHIPPED or not any((folder / name).is_dir() for name in (CONF, TRANSFORMS)):
        return None
    return folder


def roots() -> tuple[Path, ...]:
    """Return the own root, if there is one, and the shipped root behind it."""
    own = own_root()
    return (SHIPPED,) if own is None else (own, SHIPPED)


def folders(name: str) -> list[Path]:
    """Return the folders of that name that there are, the own one first."""
    return [root / name for root in roots() if (root / name).is_dir()]


def find(path: str) -> Path:
    """Return a file or folder of the first root that has it; if none has, its place in the first.

    Args:
        path: Relative to a root.
    """
    places = [root / path for root in roots()]
    return next((place for place in places if place.exists()), places[0])
