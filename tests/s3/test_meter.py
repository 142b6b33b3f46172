"""How far a transfer is, in words."""

from __future__ import annotations

import pytest

from headrace.aws.threads import Meter, Transferred
from headrace.terminal.progress import Lines


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            Transferred("downloading", 1_200_000_000, 3_000_000_000, 15.0),
            "downloading 1.2 GB of 3 GB, 80 MB/s, 40 %, about 22 s left",
        ),
        (Transferred("uploading", 0, 2000, 1.0), "uploading 0 B of 2 kB, 0 B/s, 0 %"),
        (Transferred("uploading", 0, 0, 0.0), "uploading 0 B of 0 B"),
    ],
)
def test_a_state_in_words(state: Transferred, text: str) -> None:
    assert str(state) == text


def test_plain_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0

    def clock() -> float:
        return now

    with Meter("uploading", 1200, Lines(clock), clock) as meter:
        for second in range(1, 13):
            now = float(second)
            meter.add(100)
            meter.show()
        meter.add(-700)
        now += 5
        meter.show()
    assert capsys.readouterr() == (
        "",
        "uploading 500 B of 1.2 kB, 100 B/s, 42 %, about 7 s left\n"
        "uploading 1 kB of 1.2 kB, 100 B/s, 83 %, about 2 s left\n"
        "uploading 500 B of 1.2 kB, 29.4 B/s, 42 %, about 24 s left\n",
    )
