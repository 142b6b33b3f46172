"""Objects become files below one folder, and only there."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from headrace.targets.local.inputs import path_problem
from headrace.targets.local.sandbox import S3Folder

FOLDER = S3Folder(Path("/scratch/inputs"))
KEYS = st.one_of(st.text(), st.text("./a\0", max_size=12))


@given(KEYS)
def test_no_key_leads_out_of_the_folder_and_every_file_has_its_uri(key: str) -> None:
    uri = f"s3://bucket/{key}"
    if path_problem(uri) is None:
        place = FOLDER.place(uri)
        assert os.path.normpath(place) == str(place)
        assert place.is_relative_to("/scratch/inputs/bucket")
        assert FOLDER.uri(place) == uri


@given(KEYS)
def test_only_what_leads_elsewhere_is_refused(key: str) -> None:
    """A path is normal and has as many names as the key, or there is a reason."""
    normal = os.path.normpath(f"/{key}") == f"/{key}" and not key.startswith("/")
    harmless = "\0" not in key and all(len(name.encode()) <= 255 for name in key.split("/"))
    assert (path_problem(f"s3://bucket/{key}") is None) == bool(key and normal and harmless)


def test_files_of_this_machine_keep_their_place() -> None:
    assert FOLDER.place("file:///data/a.csv") == Path("/data/a.csv")
    assert FOLDER.place("/data/a.csv") == Path("/data/a.csv")
    assert FOLDER.uri(Path("/data/a.csv")) == "/data/a.csv"
