"""Which files an input of the request means, and who gets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.aws.request import InputChannel, RequestView
from headrace.errors import ConfigError
from headrace.targets.local.inputs import _Key, _shard, links
from tests.targets.by_hand import DATA, data_input


def here(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def names(entry: dict[str, object], hosts: int = 1) -> list[list[str]]:
    (channel,) = RequestView({"ProcessingInputs": [entry]}).inputs
    return [[str(link.path) for link in each] for each in links(channel, hosts, here)]


def test_a_single_file_keeps_its_name(folder: Callable[..., Path]) -> None:
    data = folder("a #1%20?.csv")
    assert names(data_input(f"file://{data}/a #1%20?.csv")) == [[f"{DATA}/a #1%20?.csv"]]


def test_a_manifest_names_its_files_below_a_prefix(folder: Callable[..., Path]) -> None:
    data = folder("a.csv", "b/c.csv", "_odd.csv", "other.csv")
    manifest = data / "input.manifest"
    manifest.write_text(json.dumps([{"prefix": f"file://{data}/"}, "b/c.csv", "a.csv", "_odd.csv"]))
    entry = data_input(f"file://{manifest}", "ManifestFile")
    assert names(entry) == [[f"{DATA}/_odd.csv", f"{DATA}/a.csv", f"{DATA}/b/c.csv"]]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[1]", '[{"prefx": "/"}]', '["a", "b"]', '{"prefix": "/"}']
)
def test_a_manifest_of_another_shape_is_refused(folder: Callable[..., Path], text: str) -> None:
    data = folder("a.csv")
    manifest = data / "input.manifest"
    manifest.write_text(text)
    with pytest.raises(ConfigError) as caught:
        names(data_input(f"file://{manifest}", "ManifestFile"))
    assert str(caught.value).splitlines()[1] == (
        f'  input \'data\': \'{manifest}\' should hold [{{"prefix": "file:///folder/"}}, "name", …]'
    )


def test_a_manifest_cannot_lead_out_of_its_prefix(folder: Callable[..., Path]) -> None:
    data = folder("a.csv", "b/c.csv")
    manifest = data / "input.manifest"
    manifest.write_text(json.dumps([{"prefix": f"file://{data}/b/"}, "../a.csv"]))
    with pytest.raises(ConfigError) as caught:
        names(data_input(f"file://{manifest}", "ManifestFile"))
    assert str(caught.value).splitlines()[1] == (
        f"  input 'data': the manifest's '../a.csv' leads out of 'file://{data}/b/'"
    )


def test_a_folder_behind_links_is_read_once(folder: Callable[..., Path]) -> None:
    data = folder("real/a.csv")
    (data / "real/loop").symlink_to(data / "real")
    entry = data_input(f"file://{data}")
    assert names(entry) == [[f"{DATA}/real/a.csv"]]


def test_nothing_there(tmp_path: Path, folder: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        names(data_input(f"file://{tmp_path}/no.csv"))
    assert str(caught.value).splitlines()[1] == (
        f"  input 'data': no such file or folder: '{tmp_path}/no.csv'"
    )
    data = folder("_SUCCESS")
    with pytest.raises(ConfigError) as caught:
        names(data_input(f"file://{data}"))
    assert str(caught.value).splitlines()[1] == f"  input 'data': no files in 'file://{data}'"


def test_fewer_files_than_hosts(folder: Callable[..., Path]) -> None:
    data = folder("a.csv", "b.csv")
    with pytest.raises(ConfigError) as caught:
        names(data_input(f"file://{data}", distribution="ShardedByS3Key"), hosts=3)
    assert str(caught.value).splitlines()[1] == (
        "  input 'data': 2 files cannot be shared among 3 instances; set "
        "resources.instance_count to at most 2, or give the data more files"
    )


@given(st.integers(1, 60), st.integers(1, 20))
def test_every_key_goes_to_one_host_and_shares_differ_by_one_at_most(
    files: int, hosts: int
) -> None:
    keys = [_Key(f"{number:03}", Path(str(number))) for number in range(files)]
    channel = InputChannel("data", "s3://b/in", DATA, distribution="ShardedByS3Key")
    if files < hosts:
        with pytest.raises(ConfigError):
            _shard(keys, channel, 0, hosts)
        return
    shares = [_shard(keys, channel, host, hosts) for host in range(hosts)]
    assert sorted((key for share in shares for key in share), key=lambda key: key.name) == keys
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
