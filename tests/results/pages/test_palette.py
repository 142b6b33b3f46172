"""The colours of charts: told apart by everybody, and text on them can be read."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from headrace.results.pages.charts import MOST_SERIES
from headrace.results.pages.document import TEMPLATES

CSS = (TEMPLATES / "page.css").read_text(encoding="utf-8")
SCHEMES = dict(zip(("light", "dark"), CSS.split("prefers-color-scheme: dark"), strict=True))
# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision
# Deficiency, IEEE Transactions on Visualization and Computer Graphics 15, 2009, severity 1
VISIONS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}
WHITE = np.array([0.9505, 1, 1.089])
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
LEAST = 15
"""CIE 1976 colour difference; one that is seen at a glance is about 5, in small marks more."""

Floats = npt.NDArray[np.float64]


def linear(colour: str) -> Floats:
    parts = np.array([int(colour[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return np.asarray(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4))


def lab(rgb: Floats) -> Floats:
    x, y, z = TO_XYZ @ rgb / WHITE
    a, b, c = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * b - 16, 500 * (a - b), 200 * (b - c)])


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    light, dark = sorted((float(TO_XYZ[1] @ linear(each)) for each in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_series_are_told_apart(scheme: str, vision: str) -> None:
    colours = re.findall(r"--s\d: #(\w{6})", SCHEMES[scheme])
    assert len(colours) == MOST_SERIES
    seen = [lab(np.clip(np.array(VISIONS[vision]) @ linear(each), 0, 1)) for each in colours]
    apart = {
        (one, other): float(np.linalg.norm(seen[one] - seen[other]))
        for one, other in combinations(range(MOST_SERIES), 2)
    }
    assert min(apart.values()) > LEAST, min(apart, key=lambda pair: apart[pair])


def test_the_text_of_a_heat_map_stands_out() -> None:
    levels = re.findall(r"\.level-\d\.swatch \{ background: #(\w{6}); color: #(\w+); \}", CSS)
    assert len(levels) == 7
    for colour, text in levels:
        assert contrast(colour, text.ljust(6, text[0])) > 4.5, colour
    shades = [float(lab(linear(colour))[0]) for colour, _ in levels]
    assert shades == sorted(shades, reverse=True)
