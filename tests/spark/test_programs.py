"""A user's own Spark script, as a folder: its neighbours reach the executors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from headrace.targets.local.private_root.access import refusal
from tests.conftest import Completed
from tests.programs.jobs import script
from tests.spark.processes import mentioning
from tests.tiny_wheels import make_wheel

MAIN = """
import sys
from pyspark.sql import SparkSession
from near import word

spark = SparkSession.builder.appName("mine").getOrCreate()
rows = spark.read.csv("file:///opt/ml/processing/input/data", header=True)
upper = rows.rdd.map(lambda row: (word(row["a"]),)).toDF(["a"]).coalesce(1)
upper.write.mode("overwrite").csv("file:///opt/ml/processing/output/train")
print("said", *sys.argv[1:], spark.sparkContext.getConf().get("spark.mine"))
"""


@pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here")
@pytest.mark.parametrize("instances", [1, pytest.param(2, marks=pytest.mark.long)])
def test_neighbours_and_packages_reach_the_executors(
    headrace: Callable[..., Completed], tmp_path: Path, pip_index: Path, instances: int
) -> None:
    script(tmp_path, dedent(MAIN), "code/main.py")
    near = "import tiny\n\ndef word(text):\n    return text.upper() + tiny.VERSION\n"
    script(tmp_path, near, "code/near.py")
    make_wheel(pip_index, "tiny", "2.0")
    script(tmp_path, "a\nx\ny\n", "data/a.csv")
    done = headrace(
        *("backend=pyspark", "program=script", "program.path=code", "program.entry=main.py"),
        *("program.arguments.split=0.8", "+backend.spark.mine=1", "inputs.data=data"),
        *("outputs=[train]", "output.path=out", 'backend.requirements=["tiny==2.0"]'),
        f"resources.instance_count={instances}",
    )
    assert done.returncode == 0, done.stderr
    assert "said --split 0.8 1" in done.stdout.splitlines()
    (part,) = (tmp_path / "out/train").glob("part-*")
    assert part.read_text() == "X2.0\nY2.0\n"
    program = json.loads((tmp_path / "out/report/manifest.json").read_text())["program"]
    assert program["command"] == [
        *("smspark-submit", "--py-files", "/opt/ml/processing/input/py-files"),
        *("/opt/ml/processing/input/code/headrace_launch.py", "--split", "0.8"),
    ]
    assert not mentioning(str(tmp_path))
