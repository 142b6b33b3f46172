"""A plugin imports at the top of its file, and the client does not pay for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pytest

from headrace.config import registry
from headrace.config.defaults import PROJECT
from headrace.config.registry import adapter
from headrace.errors import PluginError
from headrace.runtime.plugins import roots
from tests import children

Runner = Callable[..., subprocess.CompletedProcess[str]]
DATA = f"dataset.path={PROJECT / 'data' / 'avazu_sample.csv'}"
HEAVY = ("numpy", "pyarrow", "wave", "headrace.runtime.hashing.functions")
PREFIX = '''\
"""Keep the beginning of every text."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.runtime.hashing.functions import hash_cells
from headrace.runtime.transform import Role, positions


@dataclass(frozen=True)
class Prefix:
    """Cut the texts of all categorical features."""

    length: int = 4

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError("length should be at least 1")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the same columns."""
        return schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Cut."""
        for place in positions(batch.schema, Role.CATEGORICAL):
            shorter = pc.utf8_slice_codeunits(batch.column(place), 0, self.length)
            batch = batch.set_column(place, batch.schema.field(place), shorter)
        return batch

    def hashes(self, batch: pa.RecordBatch) -> list[npt.NDArray[np.uint32]]:
        return [hash_cells(cells) for cells in batch.columns]
'''
CHECKED = """
import json, os, sys
from pathlib import Path
from headrace.config import registry
from headrace.config.registry import adapter
from headrace.runtime.plugins import roots
for folder in sys.stdin.read().splitlines():
    child = os.fork()
    if child == 0:
        roots.roots = lambda: (Path(folder),)
        plugin = registry.plugins()["plugin"]
        adapter(plugin.transform).validate_python({})
        print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], registry.Plugin]:
    """Makes a file with this text the one transform that there is."""
    folder = tmp_path / "transforms"
    folder.mkdir()
    monkeypatch.setattr(roots, "roots", lambda: (tmp_path,))

    def made(source: str) -> registry.Plugin:
        (folder / "plugin.py").write_text(source, encoding="utf-8")
        return registry.plugins()["plugin"]

    return made


def imported_for(sources: list[str], folder: Path) -> list[list[str]]:
    """Which of `HEAVY` a process imports that checks the parameters of one of these plugins."""
    folders = [folder / str(number) for number in range(len(sources))]
    for each, source in zip(folders, sources, strict=True):
        (each / "transforms").mkdir(parents=True)
        (each / "transforms/plugin.py").write_text(source, encoding="utf-8")
    done = children.run(
        [sys.executable, "-c", CHECKED, *HEAVY],
        input="\n".join(map(str, folders)),
        cwd=PROJECT / "framework",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_top(line: str, body: str = "") -> str:
    """A plugin with one import more, and more in its class."""
    source = PREFIX.replace("import numpy as np\n", f"import numpy as np\n{line}\n")
    return source + "".join(f"\n    {each}\n" for each in body.splitlines())


FREE = (
    PREFIX,
    PREFIX.replace("from dataclasses", "from __future__ import annotations\n\nfrom dataclasses"),
    PREFIX.replace("pc.utf8", "pyarrow.compute.utf8").replace(" as pc", ""),
    with_top("import wave", "def wave(self):\n    return wave.open").replace("def wave", "def w"),
    with_top("from wave import open as wave_open", "def w(self): return wave_open"),
    with_top("import wave", "def w(self): return [wave.open for _ in range(3)]"),
    with_top("import wave", "async def w(self): return wave"),
    with_top("import wave", "def w(self, x: wave.Wave_read): return x"),
)
NEEDED = (
    with_top("import wave", "kind = wave.Error"),
    with_top("import wave").replace(
        "@dataclass", "class _Other:\n    kind: 'wave.Error | None' = None\n\n\n@dataclass"
    ),
    with_top("import wave", "def w(self, x=wave.Error): return x"),
    with_top("import wave", "w = lambda self: wave.Error"),
    with_top("import wave", "def w(self, wave): return wave"),
    with_top("import wave", "def w(self):\n    global wave"),
    with_top("import wave"),
    with_top("from wave import *"),
    with_top("try:\n    import wave\nexcept ImportError:\n    wave = None", "def w(self): wave"),
)


def test_imports_that_only_functions_use_cost_the_client_nothing(tmp_path: Path) -> None:
    found = imported_for([*FREE], tmp_path)
    assert {source: made for source, made in zip(FREE, found, strict=True) if made} == {}


def test_an_import_stays_where_something_else_needs_it(tmp_path: Path) -> None:
    found = imported_for([*NEEDED], tmp_path)
    made = dict(zip(NEEDED, found, strict=True))
    assert {source: names for source, names in made.items() if names != ["wave"]} == {}


def test_a_class_body_that_uses_numpy(plugin: Callable[[str], registry.Plugin]) -> None:
    source = PREFIX.replace(
        "    length: int = 4\n",
        "    length: int = int(np.uint8(4))\n    kind = np.dtype(np.int64)\n",
    )
    found = plugin(source).transform
    assert adapter(found).validate_python({}).length == 4
    assert found.kind.itemsize == 8


def test_every_method_works(plugin: Callable[[str], registry.Plugin]) -> None:
    found = plugin(PREFIX)
    step = found.transform(2)
    batch = pa.record_batch({"site": ["abcd", None]})
    assert step.apply(batch).to_pydict() == {"site": ["ab", None]}
    assert [len(hashes) for hashes in step.hashes(batch)] == [2]
    assert step.apply.__doc__ == "Cut."
    assert [field.name for field in fields(step)] == ["length"]


def test_a_line_of_a_traceback_is_that_of_the_file(
    plugin: Callable[[str], registry.Plugin],
) -> None:
    step = plugin(PREFIX).transform()
    with pytest.raises(AttributeError) as caught:
        step.apply(None)
    assert (
        caught.traceback[-1].lineno + 1
        == PREFIX.split("\n").index(
            "        for place in positions(batch.schema, Role.CATEGORICAL):"
        )
        + 1
    )


def test_the_file_as_it_is_stays_the_one_in_the_cache(
    plugin: Callable[[str], registry.Plugin], tmp_path: Path
) -> None:
    _ = plugin(PREFIX).transform
    assert not list(tmp_path.rglob("*.pyc"))


FAILING = [
    (
        "from headrace.runtime.hashing.functions import hash_cell",
        "def w(self): return hash_cell",
        "ImportError: cannot import name 'hash_cell' from 'headrace.runtime.hashing.functions'",
    ),
    (
        "import pyarrow.no_such_module as missing",
        "def w(self): return missing",
        "ModuleNotFoundError: No module named 'pyarrow.no_such_module'",
    ),
]


@pytest.mark.parametrize(("line", "body", "reason"), FAILING)
def test_a_plan_makes_all_imports(
    line: str, body: str, reason: str, headrace: Runner, copy_of_project: Path
) -> None:
    broken = copy_of_project / "transforms" / "broken.py"
    broken.write_text(with_top(line, body), encoding="utf-8")
    ran = headrace("action=plan", DATA, "transform.steps.broken={}", project=copy_of_project)
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        2,
        "",
        f"transform 'broken' (transforms/broken.py) cannot be imported: {reason}\n",
    )


def test_a_package_that_is_not_installed_is_told_at_once(
    plugin: Callable[[str], registry.Plugin],
) -> None:
    with pytest.raises(PluginError) as caught:
        _ = plugin(with_top("import no_such", "def w(self): return no_such.x")).transform
    assert str(caught.value) == (
        "transform 'plugin' (transforms/plugin.py) cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such'"
    )


def test_a_job_that_cannot_import_a_transform_names_it(
    headrace: Runner, copy_of_project: Path
) -> None:
    line, body, _ = FAILING[0]
    broken = copy_of_project / "transforms" / "broken.py"
    broken.write_text(with_top(line, body), encoding="utf-8")
    ran = headrace(DATA, "transform.steps.broken={}", project=copy_of_project)
    assert ran.returncode == 2, ran.stderr
    assert "transform 'broken' cannot be imported: cannot import name 'hash_cell'" in ran.stderr
    assert "Traceback" not in ran.stderr


LOCAL_RUN = dedent("""
    import runpy, sys
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as exit:
        assert not exit.code, exit.code
    print(*sorted({"numpy", "pyarrow", "scipy"} & sys.modules.keys()))
""")


@pytest.mark.parametrize("choice", ["time_hashing", "rare_hashing", "custom_hashing"])
def test_the_client_of_a_local_run_imports_neither_numpy_nor_pyarrow(
    choice: str, tmp_path: Path
) -> None:
    words = [str(PROJECT / "run.py"), f"transform={choice}", f"output.path={tmp_path / 'out'}"]
    done = children.run(
        [sys.executable, "-c", f"import sys; sys.argv = {words!r}\n{LOCAL_RUN}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
