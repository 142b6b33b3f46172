"""Turn images into rows of features: the size, and how bright and how varied each colour is."""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

INPUT = Path("/opt/ml/processing/input/images")
OUTPUT = Path("/opt/ml/processing/output/features")
COLOURS = ("red", "green", "blue")


def features_of(file: Path, bins: int) -> list[float]:
    """Return mean and deviation of each colour, and the shares of dark to bright pixels."""
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.float64)
    means, deviations = pixels.mean(axis=(0, 1)), pixels.std(axis=(0, 1))
    counts, _ = np.histogram(pixels.mean(axis=2), bins, range=(0, 255))
    return [*means, *deviations, *counts / counts.sum()]


def main() -> None:
    """Read all images, in the order of their names, and write one file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bins", type=int, default=4)
    arguments = parser.parse_args()

    names = [f"{colour}_{what}" for what in ("mean", "deviation") for colour in COLOURS]
    names += [f"share_{number}" for number in range(arguments.bins)]
    files = sorted(INPUT.rglob("*.png"))
    with (OUTPUT / "features.csv").open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["image", *names])
        for file in files:
            figures = (f"{figure:.4f}" for figure in features_of(file, arguments.bins))
            writer.writerow([file.relative_to(INPUT).as_posix(), *figures])
    print(f"{len(files)} images, {len(names)} features")


if __name__ == "__main__":
    main()
