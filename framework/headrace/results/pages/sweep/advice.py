"""Recommend one of the finished runs of a sweep, in one sentence with its reason.

The rule, with an evaluation: among runs that were judged on the same rows, the cheapest whose loss
does not differ from the lowest one, or by at most `CLOSE`. Without: the cheapest with at most `FEW`
of the tokens colliding. ``docs/pages.md`` says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import NormalDist

from headrace.results.pages.figures import NARROW, PLUS_MINUS, count, octets, score, seconds, share
from headrace.results.pages.sweep.keys import Key, keys_of
from headrace.results.pages.sweep.runs import Difference, Finished, Judged

CLOSE = 0.001
"""Part of the lowest loss."""
_MUCH = 10 * CLOSE
FEW = 0.05
"""Part of the distinct tokens."""
CONFIDENCE = 0.95
"""Of all differences of a sweep together."""
_CLOSE, _FEW = (f"{part * 100:g}{NARROW}%" for part in (CLOSE, FEW))
_SIMILAR = 1.1
"""Sizes that differ by a smaller factor are equal,"""
_FASTER = 1.25
"""and so are times, which differ from run to run."""
_JUDGE = "evaluation=logistic would tell what the collisions cost a model."
_WITH = "With evaluation=logistic, each run judges a model."


@dataclass(frozen=True)
class Margin:
    """The distance of a run's loss from the lowest one, and what chance may make of that.

    Attributes:
        value: The difference.
        noise: Half the width of its confidence interval; None if the evaluation tells no errors.
        lowest: The loss that it is compared with.
    """

    value: float
    noise: float | None
    lowest: float

    @property
    def is_noise(self) -> bool:
        """Return whether chance explains the difference."""
        return self.noise is not None and self.value <= self.noise

    @property
    def is_small(self) -> bool:
        """Return whether few would notice it."""
        return self.value <= self.lowest * CLOSE

    @property
    def shown(self) -> str:
        """Return it as people read it."""
        digits = f"{self.value:.{_decimals(self.noise or self.value)}f}"
        if self.noise is None:
            return digits
        return f"{digits} {PLUS_MINUS} {self.noise:.{_decimals(self.noise)}f}"


@dataclass(frozen=True)
class Advice:
    """A sentence, what else is worth knowing, and the runs that they are about.

    Attributes:
        taken: The run to take; None if there is none to advise.
        best: The run with the lowest loss; None if losses were not compared.
        margins: Number of each run that was compared → how much higher its loss is.
    """

    text: str
    cautions: tuple[str, ...] = ()
    taken: int | None = None
    best: int | None = None
    margins: Mapping[int, Margin] = field(default_factory=dict)


def advise(runs: Sequence[Finished]) -> Advice:
    """Choose among the finished runs of a sweep."""
    if len(runs) < 2:
        done = "Only one run has finished" if runs else "No run has finished"
        return Advice(f"{done}, so there is nothing to choose.")
    judged = [run for run in runs if run.judged]
    if len(judged) > 1:
        return _by_loss(judged, keys_of(judged))
    if sum(run.collision_rate is not None for run in runs) > 1:
        return _by_collisions([run for run in runs if run.collision_rate is not None])
    return _undecided(runs, "no figure says which of the results is better")


def critical_value(comparisons: int, groups: int) -> float:
    """Return by how many standard errors a difference must exceed zero to be more than chance.

    Bonferroni's correction has all comparisons hold together with probability `CONFIDENCE`, as
    otherwise the luckiest of many runs would look better. The quantile is Student's, in the
    expansion 26.7.5 of Abramowitz, Stegun: Handbook of Mathematical Functions.

    Args:
        comparisons: Runs that are compared with the best one.
        groups: Groups of rows that tell the standard error; 0 if it is of the rows themselves.
    """
    normal = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * max(comparisons, 1)))
    if groups < 2:
        return normal
    freedom = groups - 1
    first = (normal**3 + normal) / (4 * freedom)
    second = (5 * normal**5 + 16 * normal**3 + 3 * normal) / (96 * freedom**2)
    return normal + first + second


def _by_loss(runs: Sequence[Finished], keys: Sequence[Key]) -> Advice:
    if len({_judged(run).is_squared for run in runs}) > 1:
        return Advice("A log loss and a squared error cannot be compared, so nothing is advised.")
    if len({run.judged.rows for run in runs if run.judged}) > 1:
        return Advice(
            "The runs were judged on different rows, so their losses cannot be compared.",
            ("Sweep keys that leave the split alone, and the same data.",),
        )
    best = min(runs, key=lambda run: (_judged(run).mean, _cost(run, keys), run.number))
    margins = {run.number: _margin(run, best, len(runs) - 1) for run in runs}
    close = [run for run in runs if margins[run.number].is_noise or margins[run.number].is_small]
    taken = min(close, key=lambda run: (*_cost(run, keys, best), _judged(run).mean, run.number))
    others = [run for run in runs if run not in close]
    what = "RMSE" if _judged(best).is_squared else "log loss"
    if not others and len(runs) > 2 and all(margin.is_noise for margin in margins.values()):
        text = (
            f"The {len(runs)} runs do not differ: every difference of the {what} is within the "
            f"noise. Take {taken.named()}{_because(taken, runs, keys)}."
        )
    elif taken is best:
        text = f"Take {taken.named()}: it has the lowest {what}, {score(taken.loss)}."
        text += _next(best, runs, margins, what)
    else:
        text = (
            f"Take {taken.named()}: its {what}, {score(taken.loss)}, "
            f"{_as_good(margins[taken.number])}, {score(best.loss)} with "
            f"{best.named(_different(best, taken))}"
            f"{_of_noise(margins[taken.number])}.{_saves(taken, best, keys)}"
        )
    cautions = [*_edges(taken, keys), *_doubts(runs, margins[taken.number])]
    return Advice(text, tuple(cautions), taken.number, best.number, margins)


def _judged(run: Finished) -> Judged:
    if run.judged is None:
        raise AssertionError(f"run {run.number} was not judged")
    return run.judged


def _margin(run: Finished, best: Finished, comparisons: int) -> Margin:
    judged, lowest = _judged(run), _judged(best)
    apart = judged.above(lowest) if run is not best else Difference(0.0, 0.0)
    if apart.error is None:
        return Margin(apart.value, None, lowest.shown)
    noise = critical_value(comparisons, len(judged.groups)) * apart.error
    return Margin(apart.value, noise, lowest.shown)


def _cost(run: Finished, keys: Sequence[Key], best: Finished | None = None) -> tuple[float, ...]:
    """Return what makes a run cheaper than another: width, size, smaller values, time."""
    numbers = [float(run.settings[key.name]) for key in keys if key.is_number]
    is_faster = len(numbers) < len(keys) and best is not None and _is_faster(run, best)
    return (run.n_features or 0, _step(run.bytes), *numbers, not is_faster)


def _is_faster(run: Finished, best: Finished) -> bool:
    spent, most = run.own(run.seconds), best.own(best.seconds)
    return bool(spent and most and spent * _FASTER <= most)


def _step(figure: float | None) -> float:
    """Return the figure in steps of `_SIMILAR`, so that nearly equal ones are equal."""
    return round(math.log(figure, _SIMILAR)) if figure else 0


def _different(one: Finished, other: Finished) -> list[str]:
    """Return the keys in which two runs differ."""
    return [key for key, text in one.settings.items() if other.settings[key] != text]


def _as_good(margin: Margin) -> str:
    return (
        "does not differ from the lowest"
        if margin.is_noise
        else f"is within {_CLOSE} of the lowest"
    )


def _of_noise(margin: Margin) -> str:
    return f": {margin.shown} is within the noise" if margin.is_noise else ""


def _next(
    best: Finished, runs: Sequence[Finished], margins: Mapping[int, Margin], what: str
) -> str:
    """Return how much worse the next run is."""
    second = min((run for run in runs if run is not best), key=lambda run: _judged(run).mean)
    margin = margins[second.number]
    name = second.named(_different(second, best))
    if margin.is_noise:
        return f" The next one, {name}, does not differ: {margin.shown} is within the noise."
    part = f", {share(margin.value / margin.lowest)}" if margin.lowest else ""
    return f" The next one, {name}, is higher by {margin.shown}{part}."


def _because(taken: Finished, runs: Sequence[Finished], keys: Sequence[Key]) -> str:
    """Return in what the run is the cheapest."""
    if taken.n_features and any((run.n_features or 0) > taken.n_features for run in runs):
        return ", the narrowest"
    if any(_step(run.bytes) > _step(taken.bytes) for run in runs):
        return f", the smallest ({octets(taken.bytes)})"
    if all(key.is_number and taken.settings[key.name] == key.texts[0] for key in keys):
        return ", the smallest value" if len(keys) == 1 else ", the smallest values"
    return ""


def _saves(taken: Finished, best: Finished, keys: Sequence[Key]) -> str:
    """Return what the run costs less than the best one."""
    if taken.n_features and best.n_features and taken.n_features < best.n_features:
        return f" It has {_part(taken.n_features, best.n_features)} of the width."
    if _step(taken.bytes) < _step(best.bytes):
        return f" Its result has {share(taken.bytes / best.bytes)} of the size."
    if all(key.is_number and _at(taken, key) <= _at(best, key) for key in keys):
        return " Its value is the smaller one." if len(keys) == 1 else " Its values are smaller."
    if _is_faster(taken, best):
        return f" It took {share((taken.seconds or 0) / (best.seconds or 1))} of the time."
    return ""


def _at(run: Finished, key: Key) -> float:
    return key.position(run.settings[key.name])


def _part(taken: int, best: int) -> str:
    part = Fraction(taken, best).limit_denominator(10_000)
    return str(part) if part.numerator == 1 else share(taken / best)


def _edges(taken: Finished, keys: Sequence[Key]) -> Iterator[str]:
    """Yield a sentence for each number that is the smallest or the largest of those tried."""
    for key in keys:
        if not key.is_number or len(key.texts) < 2:
            continue
        text = taken.settings[key.name]
        if text == key.texts[-1]:
            yield f"{key.name}={text} is the largest value tried; try larger ones, too."
        elif text == key.texts[0] and not (text.isdigit() and int(text) <= 1):
            yield f"{key.name}={text} is the smallest value tried; try smaller ones, too."


def _doubts(runs: Sequence[Finished], margin: Margin) -> Iterator[str]:
    if any(_judged(run).error is None and not _judged(run).groups for run in runs):
        yield "The evaluations tell no standard errors, so a difference may be chance."
    if margin.noise and margin.is_noise and margin.noise > margin.lowest * _MUCH:
        part, rows = share(margin.noise / margin.lowest), count(_judged(runs[0]).rows[1])
        yield f"On {rows} rows, less than {part} cannot be told from noise; judge on more."


def _by_collisions(runs: Sequence[Finished]) -> Advice:
    keys = keys_of(runs)
    if len({run.n_features for run in runs}) == 1:
        return _undecided(runs, "no figure says which of them a model does better with")
    few = [run for run in runs if (run.collision_rate or 0) <= FEW]
    if not few:
        least = min(runs, key=lambda run: (run.collision_rate or 0, _cost(run, keys), run.number))
        return Advice(
            f"None of these keeps collisions below {_FEW} of the tokens; "
            f"{least.named()} comes closest with {share(least.collision_rate)}.",
            (f"Most tokens are rare, so that may matter little; {_JUDGE}", *_edges(least, keys)),
        )
    taken = min(few, key=lambda run: (_cost(run, keys), run.number))
    return Advice(
        f"Take {taken.named()}: the narrowest at which at most {_FEW} of the tokens collide "
        f"({share(taken.collision_rate)}).",
        (f"That is a rule of thumb; {_JUDGE}", *_edges(taken, keys)),
        taken.number,
    )


def _undecided(runs: Sequence[Finished], why: str) -> Advice:
    """Return no advice, but the fastest run and the smallest result, unless all are alike."""
    told = []
    timed = [run for run in runs if run.own(run.seconds)]
    if len({_step(run.seconds) for run in timed}) > 1:
        fastest = min(timed, key=lambda run: run.seconds or 0)
        told.append(f"The fastest was {fastest.named()}, {seconds(fastest.seconds)}.")
    if len({_step(run.bytes) for run in runs}) > 1:
        smallest = min(runs, key=lambda run: run.bytes)
        told.append(f"The smallest result is that of {smallest.named()}, {octets(smallest.bytes)}.")
    if not any(run.is_program for run in runs):
        told.append(_WITH)
    return Advice(f"Nothing is advised: {why}.", tuple(told))


def _decimals(figure: float) -> int:
    """Return so many decimals that a small figure has two digits; at least four."""
    return max(4, 1 - math.floor(math.log10(figure))) if figure else 4
