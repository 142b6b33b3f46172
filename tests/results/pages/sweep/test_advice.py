"""Which run a sweep's page advises, and why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from headrace.results.pages.sweep.advice import Advice, advise, critical_value
from headrace.results.pages.sweep.runs import Finished, Judged

N = "\N{NARROW NO-BREAK SPACE}"
WIDTHS = (256, 65_536, 1_048_576)
KEY = "transform.n_features"
NOISE = np.random.default_rng(0).normal(0, 0.01, 100)
NOISE -= NOISE.mean()


def judged(loss: float, apart: float = 0.001, *, seed: int = 1, rows: int = 20_000) -> Judged:
    """A loss; what chance makes of its difference to another one has this standard deviation."""
    own = np.random.default_rng(seed).normal(0, apart, 100)
    groups = loss + NOISE + own - own.mean()
    return Judged(("validation", rows, 0.17, (0.1, 0.2)), loss, 0.003, tuple(groups), False)


def run(number: int, settings: dict[str, str], loss: float | None, **figures: object) -> Finished:
    told = None if loss is None else judged(loss, seed=number)
    made = Finished(number, settings, rows=20_000, bytes=1_000_000, judged=told)
    return dataclasses.replace(made, **figures)  # type: ignore[arg-type]


def widths(
    *losses: float | None, rates: Sequence[float | None] = (1, 0.4, 0.031)
) -> list[Finished]:
    zipped = zip(WIDTHS, losses, rates, strict=True)
    return [
        run(number, {KEY: str(width)}, loss, n_features=width, collision_rate=rate)
        for number, (width, loss, rate) in enumerate(zipped)
    ]


def test_the_narrowest_that_does_not_differ_from_the_best() -> None:
    advice = advise(widths(0.42, 0.3921, 0.392))
    assert (advice.taken, advice.best) == (1, 2)
    margin = advice.margins[1]
    assert margin.value == pytest.approx(0.0001)
    assert advice.text == (
        f"Take {KEY}=65536: its log loss, 0.3921, does not differ from the lowest, 0.3920 with "
        f"{KEY}=1048576: {margin.shown} is within the noise. It has 1/16 of the width."
    )
    assert advice.cautions == ()


def test_a_difference_that_is_no_noise_but_that_few_would_notice() -> None:
    runs = [
        dataclasses.replace(each, judged=judged(loss, 1e-5, seed=each.number))
        for each, loss in zip(widths(0, 0, 0), (0.42, 0.3922, 0.392), strict=True)
    ]
    advice = advise(runs)
    assert not advice.margins[1].is_noise
    assert advice.text == (
        f"Take {KEY}=65536: its log loss, 0.3922, is within 0.1{N}% of the lowest, 0.3920 with "
        f"{KEY}=1048576. It has 1/16 of the width."
    )


def test_the_best_at_the_edge_of_what_was_tried() -> None:
    advice = advise(widths(0.42, 0.4, 0.392))
    assert advice.text == (
        f"Take {KEY}=1048576: it has the lowest log loss, 0.3920. The next one, {KEY}=65536, is "
        f"higher by {advice.margins[1].shown}, 2.04{N}%."
    )
    assert advice.cautions == (f"{KEY}=1048576 is the largest value tried; try larger ones, too.",)


def test_the_smallest_of_all() -> None:
    advice = advise(widths(0.39, 0.39, 0.4))
    assert advice.taken == 0
    assert advice.cautions == (f"{KEY}=256 is the smallest value tried; try smaller ones, too.",)


def test_what_cannot_be_smaller_is_no_edge() -> None:
    runs = [run(n, {"evaluation.passes": str(n + 1)}, 0.39 + n / 100) for n in range(3)]
    assert advise(runs).cautions == ()


def test_runs_that_do_not_differ_at_all() -> None:
    advice = advise(widths(0.3921, 0.392, 0.3922))
    assert advice.text == (
        "The 3 runs do not differ: every difference of the log loss is within the noise. "
        f"Take {KEY}=256, the narrowest."
    )


def test_much_noise_is_told() -> None:
    runs = [
        dataclasses.replace(each, judged=judged(loss, 0.03, seed=each.number))
        for each, loss in zip(widths(0, 0, 0), (0.3921, 0.392, 0.3922), strict=True)
    ]
    advice = advise(runs)
    noise = advice.margins[0].noise
    assert noise is not None
    assert advice.cautions[-1] == (
        f"On 20,000 rows, less than {noise / 0.392:.2%} cannot be told from noise; judge on more."
    ).replace("%", f"{N}%")


def test_only_keys_that_differ_are_named() -> None:
    keys = ("transform", "evaluation.passes")
    settings = [("a", "1"), ("b", "1"), ("a", "3"), ("b", "3")]
    losses = (0.42, 0.41, 0.4001, 0.4)
    runs = [
        run(number, dict(zip(keys, each, strict=True)), loss)
        for number, (each, loss) in enumerate(zip(settings, losses, strict=True))
    ]
    advice = advise(runs)
    assert advice.text.startswith(
        "Take transform=b evaluation.passes=3: it has the lowest log loss, 0.4000. "
        "The next one, transform=a, does not differ: "
    )
    assert "n_features" not in advice.text


def test_losses_on_different_rows_are_not_compared() -> None:
    mixed = [*widths(0.42, 0.4, 0.39)[:2], run(2, {KEY: "1"}, None, judged=judged(0.1, rows=5))]
    assert advise(mixed) == Advice(
        "The runs were judged on different rows, so their losses cannot be compared.",
        ("Sweep keys that leave the split alone, and the same data.",),
    )


def test_losses_of_two_kinds_are_not_compared() -> None:
    squared = dataclasses.replace(judged(0.14), is_squared=True)
    runs = [run(0, {"evaluation": "logistic"}, 0.45), run(1, {"evaluation": "linear"}, None)]
    assert advise([runs[0], dataclasses.replace(runs[1], judged=squared)]) == Advice(
        "A log loss and a squared error cannot be compared, so nothing is advised."
    )


@pytest.mark.parametrize(
    ("best", "ending"),
    [(("2", "3"), "Its values are smaller."), (("2", "2"), "is within the noise.")],
)
def test_values_are_called_smaller_if_all_are(best: tuple[str, str], ending: str) -> None:
    runs = [
        run(0, {"a.x": "1", "a.y": "3"}, 0.4),
        run(1, {"a.x": best[0], "a.y": best[1]}, 0.39999),
    ]
    different = run(2, {"a.x": "3", "a.y": "4"}, 0.5)
    advice = advise([*runs, different])
    assert advice.taken == 0
    assert advice.text.endswith(ending)


def test_an_evaluation_without_standard_errors() -> None:
    """As of an earlier version."""
    old = [
        dataclasses.replace(each, judged=Judged(("validation", 9, 0.1, ()), loss, None, (), False))
        for each, loss in zip(widths(0, 0, 0), (0.42, 0.3922, 0.392), strict=True)
    ]
    advice = advise(old)
    assert advice.taken == 1
    assert f"is within 0.1{N}% of the lowest" in advice.text
    assert advice.cautions == (
        "The evaluations tell no standard errors, so a difference may be chance.",
    )


def test_a_linear_regression_is_judged_by_its_root_mean_squared_error() -> None:
    one, two = (
        dataclasses.replace(judged(loss**2, 0.5, seed=number), is_squared=True)
        for number, loss in enumerate((20.0, 21.0))
    )
    apart = two.above(one)
    assert apart.value == pytest.approx(1.0)
    exact = stats.sem(np.subtract(two.groups, one.groups)) / 41
    assert apart.error == pytest.approx(exact)
    runs = [run(n, {"a": str(n)}, None, judged=each) for n, each in enumerate((one, two))]
    assert "lowest RMSE, 20.0000" in advise(runs).text


def test_groups_whose_losses_are_no_numbers_are_none() -> None:
    told = {"rows": 2, "label_mean": 1e300, "mse": 1e300}
    report = {"judged_on": "test", "channels": {"test": told}}
    made = Judged.of({**report, "groups": {"test": {"mean_loss": [None, 1e300]}}})
    assert made is not None
    assert (made.mean, made.groups) == (1e300, ())
    assert Judged.of({**report, "channels": {"test": {**told, "mse": None}}}) is None


def test_a_difference_is_paired_by_groups_of_rows() -> None:
    one, two = judged(0.39, seed=1), judged(0.4, seed=2)
    told = two.above(one).error
    assert told == pytest.approx(stats.ttest_rel(two.groups, one.groups).statistic ** -1 * 0.01)
    alone = dataclasses.replace(one, groups=()), dataclasses.replace(two, groups=())
    assert alone[1].above(alone[0]).error == pytest.approx(math.hypot(0.003, 0.003))


@pytest.mark.parametrize("comparisons", [1, 2, 59])
def test_many_comparisons_take_more_evidence(comparisons: int) -> None:
    quantile = 1 - 0.025 / comparisons
    assert critical_value(comparisons, 100) == pytest.approx(stats.t.ppf(quantile, 99), abs=1e-4)
    assert critical_value(comparisons, 0) == pytest.approx(stats.norm.ppf(quantile))


def test_without_an_evaluation_collisions_decide() -> None:
    assert advise(widths(None, None, None)) == Advice(
        f"Take {KEY}=1048576: the narrowest at which at most 5{N}% of the tokens collide "
        f"(3.10{N}%).",
        (
            "That is a rule of thumb; evaluation=logistic would tell what the collisions cost a "
            "model.",
            f"{KEY}=1048576 is the largest value tried; try larger ones, too.",
        ),
        taken=2,
    )


def test_no_width_keeps_collisions_few() -> None:
    advice = advise(widths(None, None, None, rates=(1, 0.9, 0.52)))
    assert advice.taken is None
    assert advice.text == (
        f"None of these keeps collisions below 5{N}% of the tokens; {KEY}=1048576 comes closest "
        f"with 52.0{N}%."
    )
    assert advice.cautions == (
        "Most tokens are rare, so that may matter little; evaluation=logistic would tell what the "
        "collisions cost a model.",
        f"{KEY}=1048576 is the largest value tried; try larger ones, too.",
    )


def test_nothing_is_advised_where_nothing_says_what_is_better() -> None:
    runs = [
        run(n, {"job.arguments.depth": str(n)}, None, is_program=True, seconds=2.0 * n, bytes=10**n)
        for n in (1, 2, 3)
    ]
    assert advise(runs) == Advice(
        "Nothing is advised: no figure says which of the results is better.",
        (
            f"The fastest was job.arguments.depth=1, 2.00{N}s.",
            f"The smallest result is that of job.arguments.depth=1, 10{N}B.",
        ),
    )
    same = [
        run(n, {"output.format": n * "x"}, None, n_features=9, collision_rate=0.1) for n in (1, 2)
    ]
    assert advise(same) == Advice(
        "Nothing is advised: no figure says which of them a model does better with.",
        ("With evaluation=logistic, each run judges a model.",),
    )


@pytest.mark.parametrize(
    ("finished", "text"), [(0, "No run has finished"), (1, "Only one run has finished")]
)
def test_one_run_leaves_no_choice(finished: int, text: str) -> None:
    runs = widths(0.4, 0.4, 0.4)[:finished]
    assert advise(runs) == Advice(f"{text}, so there is nothing to choose.")
