"""Which width a sweep's page advises, and why."""

from __future__ import annotations

import pytest

from headrace.results.pages.advice import Advice, Candidate, advise
from headrace.results.pages.evaluation import Evaluation
from tests.results.pages.samples import evaluation

N = "\N{NARROW NO-BREAK SPACE}"
WIDTHS = (256, 65_536, 1_048_576)


def candidates(
    *losses: float | None, rates: tuple[float | None, ...] = (1, 0.4, 0.031), rows: int = 200_000
) -> list[Candidate]:
    verdicts = [
        None if loss is None else Evaluation.of(evaluation(loss, rows=rows)) for loss in losses
    ]
    zipped = zip(WIDTHS, rates, verdicts, strict=True)
    return [
        Candidate(number, "", width, rate, verdict)
        for number, (width, rate, verdict) in enumerate(zipped)
    ]


def test_the_narrowest_that_is_about_as_good_as_the_best() -> None:
    assert advise(candidates(0.42, 0.3922, 0.392)) == Advice(
        f"Take 65,536: its log loss, 0.3922, is within 0.1{N}% of the best, 0.3920 at 1,048,576, "
        f"at 1/16 of the width. 40.0{N}% of its tokens collide.",
        taken=1,
        best=2,
    )


def test_the_widest_if_every_narrower_one_is_worse() -> None:
    assert advise(candidates(0.42, 0.4, 0.392)) == Advice(
        f"Take 1,048,576: it has the lowest log loss, 0.3920; the best of the narrower ones, "
        f"65,536, is 2.04{N}% worse. 3.10{N}% of its tokens collide.",
        "No wider one was tried; the log loss may fall further.",
        taken=2,
        best=2,
    )


def test_the_narrowest_of_all() -> None:
    advice = advise(candidates(0.39, 0.39, 0.4))
    assert advice.text == (
        f"Take 256: it has the lowest log loss, 0.3900. 100{N}% of its tokens collide."
    )
    assert advice.caution == "No narrower one was tried; it may do as well."


def test_few_rows_call_for_caution() -> None:
    advice = advise(candidates(0.42, 0.392, 0.392, rows=1_988))
    assert advice.taken == 1
    assert advice.caution == f"Judged on 1,988 rows only, where differences of 0.1{N}% are chance."


def test_runs_that_differ_in_more_than_the_width_are_named() -> None:
    verdict = Evaluation.of(evaluation(0.39, rows=20_000))
    worse = Evaluation.of(evaluation(0.41, rows=20_000))
    both = [
        Candidate(0, "transform=hashing", 64, None, worse),
        Candidate(1, "transform=custom_hashing", 64, None, verdict),
    ]
    assert advise(both).text == (
        "Take 64 with transform=custom_hashing: it has the lowest log loss, 0.3900."
    )


def test_losses_on_different_rows_are_not_compared() -> None:
    mixed = [*candidates(0.42, 0.4, 0.39)[:2], candidates(0.1, 0.1, 0.1, rows=5)[2]]
    assert advise(mixed) == Advice(
        "The runs were judged on different rows, so their log losses cannot be compared.",
        "Sweep keys that leave the split alone, and the same data.",
    )


def test_without_an_evaluation_collisions_decide() -> None:
    assert advise(candidates(None, None, None)) == Advice(
        f"Take 1,048,576: the narrowest at which at most 5{N}% of the tokens collide (3.10{N}%).",
        "That is a rule of thumb; evaluation=logistic would tell what the collisions cost a model.",
        taken=2,
    )


def test_no_width_keeps_collisions_few() -> None:
    assert advise(candidates(None, None, None, rates=(1, 0.9, 0.52))) == Advice(
        f"None of these keeps collisions below 5{N}% of the tokens; 1,048,576 comes closest "
        f"with 52.0{N}%.",
        "Most tokens are rare, so that may matter little; evaluation=logistic would tell what the "
        "collisions cost a model.",
    )


@pytest.mark.parametrize("finished", [0, 1])
def test_one_run_leaves_no_choice(finished: int) -> None:
    assert advise(candidates(0.4, 0.4, 0.4)[:finished]) == Advice(
        "Fewer than two runs that hash have finished, so there is nothing to choose."
    )


def test_without_any_count_there_is_no_reason() -> None:
    advice = advise(candidates(None, None, None, rates=(None, None, None)))
    assert advice == Advice(
        "Collisions were not counted, so there is no reason to prefer a width.",
        "Evaluation=logistic would tell what the collisions cost a model.",
    )
