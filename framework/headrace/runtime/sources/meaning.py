"""The settings of a dataset that say nothing about files of a format."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.runtime.shown import plain, quoted
from headrace.runtime.sources.readers import reader_of
from headrace.runtime.spec import DatasetSpec


def meaningless(dataset: DatasetSpec, format_name: str) -> Iterator[tuple[str, str]]:
    """Yield the settings that mean nothing for a format, and why, if they are not the default.

    Args:
        dataset: The settings.
        format_name: A format that there is.
    """
    keys = dataset.settings_of_text
    if not keys:
        return
    reader, name = reader_of(format_name), plain(format_name.capitalize())
    for key in keys:
        if key in dataset.OF_LINES:
            if not reader.has_lines:
                yield key, f"{name} has no lines"
        elif reader.delimiter is None:
            names = key == "header"
            yield (
                key,
                f"{name} names its own columns" if names else f"{name} has no delimited cells",
            )
        elif dataset.delimiter is None and getattr(dataset, key) == reader.delimiter:
            yield key, f"{quoted(reader.delimiter)} stands between the cells of {name}"
