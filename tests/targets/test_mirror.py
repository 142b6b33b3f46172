"""Objects become files below one folder, and only there."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from headrace.targets.local.mirror import Mirror, problem_of

MIRROR = Mirror(Path("/scratch/inputs"))
KEYS = st.one_of(st.text(), st.text("./a\0", max_size=12))


@given(KEYS)
def test_no_key_leads_out_of_the_folder_and_every_file_has_its_uri(key: str) -> None:
    uri = f"s3://bucket/{key}"
    if problem_of(uri) is None:
        place = MIRROR.place(uri)
        assert os.path.normpath(place) == str(place)
        assert place.is_relative_to("/scratch/inputs/bucket")
        assert MIRROR.uri(place) == uri


@given(KEYS)
def test_only_what_leads_elsewhere_is_refused(key: str) -> None:
    """A path is normal and has as many names as the key, or there is a reason."""
    normal = os.path.normpath(f"/{key}") == f"/{key}" and not key.startswith("/")
    harmless = "\0" not in key and all(len(name.encode()) <= 255 for name in key.split("/"))
    assert (problem_of(f"s3://bucket/{key}") is None) == bool(key and normal and harmless)


def test_files_of_this_machine_keep_their_place() -> None:
    assert MIRROR.place("file:///data/a.csv") == Path("/data/a.csv")
    assert MIRROR.place("/data/a.csv") == Path("/data/a.csv")
    assert MIRROR.uri(Path("/data/a.csv")) == "/data/a.csv"
