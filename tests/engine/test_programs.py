"""A user's own script, and an image's command, in a real container: what they leave here, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from headrace.errors import JobFailed
from headrace.targets.container.target import ContainerTarget
from headrace.targets.local.private_root.access import refusal
from tests.conftest import Completed
from tests.engine.test_container import SCRIPT_IMAGE
from tests.programs.jobs import script
from tests.targets.by_hand import CODE, data_input, make_config, make_script

pytestmark = [
    pytest.mark.engine,
    pytest.mark.usefixtures("built"),
    pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here"),
]
FOLDER = {
    "main.py": """
    import json, os, pathlib, sys
    import near, six
    files = sorted(pathlib.Path("/opt/ml/processing/input/data").rglob("*"))
    names = [file.name for file in files if file.is_file()]
    said = [near.WORD, six.__version__, sys.argv[1:], names, os.getcwd()]
    said += [os.environ[name] for name in ("AWS_REGION", "SM_CURRENT_HOST", "SM_HOSTS")]
    out = pathlib.Path("/opt/ml/processing/output/train")
    (out / "said.json").write_text(json.dumps(said))
    pathlib.Path("/opt/ml/processing/evaluation/deep").mkdir()
    pathlib.Path("/opt/ml/processing/evaluation/deep/empty").touch()
    pathlib.Path("/lost").touch()
    print("done")
    """,
    "near.py": "WORD = 'near'\n",
}
COMMAND = "cat /opt/ml/processing/input/data/a.csv > /opt/ml/processing/output/train/copy"
CASES = {
    "folder": (
        *("backend=script", 'backend.requirements=["six==1.16.0"]', "backend.python_version=3.11"),
        *("program=script", "program.path=code", "program.entry=main.py"),
        *("program.arguments.split=0.8", "job.network_isolation=true"),
        "outputs={train: {}, evaluation: {at: /opt/ml/processing/evaluation}}",
    ),
    "image": (
        *("backend=processor", "backend.image_uri=debian-with-python:1", "program=image"),
        *(f"program.entrypoint=[/bin/sh,-c,'{COMMAND}']", "outputs=[train]"),
    ),
}


def files(folder: Path) -> dict[str, bytes]:
    """The files of a result that are the same in every run."""
    apart = {"report/timings.json", "report/report.html", "request.json"}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if path.is_file() and name not in apart and not name.startswith(".hydra/")
    }


@pytest.mark.parametrize("case", CASES)
def test_the_same_files_as_on_this_machine(
    case: str, tmp_path: Path, headrace: Callable[..., Completed]
) -> None:
    for name, text in FOLDER.items():
        script(tmp_path, dedent(text), f"code/{name}")
    for name in ("a.csv", "_b", ".hidden/c"):
        script(tmp_path, name, f"data/{name}")
    settings = [each.replace("path=code", f"path={tmp_path}/code") for each in CASES[case]]
    there, here = tmp_path / "container", tmp_path / "local"
    for target in (there, here):
        done = headrace(
            *settings,
            *(f"inputs.data={tmp_path}/data", f"target={target.name}", f"output.path={target}"),
        )
        assert done.returncode == 0, done.stderr
    assert files(there) == files(here)
    assert {"report/manifest.json", "report/log.txt"} < files(here).keys()
    assert (there / "report/report.html").is_file()
    assert json.loads((there / "report/timings.json").read_text())["seconds"] > 0
    if case == "folder":
        said = json.loads((there / "train/said.json").read_text())
        data = [".hidden/c", "_b", "a.csv"]
        assert said == [
            *("near", "1.16.0", ["--split", "0.8"], [Path(name).name for name in data]),
            *("/opt/ml/processing/input/code", "us-east-1", "algo-1", '["algo-1"]'),
        ]


def test_a_script_that_fails_delivers_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, model = script(tmp_path, "a", "data/a.csv"), script(tmp_path, "m", "model/m")
    text = """
    import pathlib, sys
    pathlib.Path("/opt/ml/processing/output/train/half").touch()
    pathlib.Path("/opt/ml/output/message").write_text("the model is old")
    try:
        pathlib.Path("/opt/ml/processing/model/m").write_text("changed")
    except OSError as error:
        print(error.strerror)
    print("first", file=sys.stderr)
    sys.exit("last")
    """
    channel = data_input(f"file://{model.parent}")
    channel["InputName"], channel["S3Input"]["LocalPath"] = "model", "/opt/ml/processing/model"
    application = {
        "ImageUri": SCRIPT_IMAGE,
        "ContainerEntrypoint": ["python3", f"{CODE}/entry.pyz"],
    }
    inputs = (data_input(f"file://{data.parent}"), channel)
    output = tmp_path / "out"
    job = make_script(output, dedent(text), inputs=inputs, AppSpecification=application)
    with pytest.raises(JobFailed) as caught:
        ContainerTarget().run(job, make_config(output))
    assert str(caught.value) == (
        "algo-1 ended with status 1; it left the message: the model is old; the last lines of its "
        "stderr:\n  first\n  last"
    )
    said = capfd.readouterr()
    assert (said.out, said.err) == ("Read-only file system\n", "first\nlast\n")
    assert not output.exists()
    assert model.read_text() == "m"
