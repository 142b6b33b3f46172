"""Recommend an ``n_features``, in one sentence with its reason.

The rule, with an evaluation: among runs that were judged on the same rows, the least width whose
log loss is at most `CLOSE` above the best one's. Without: the least width at which at most `FEW`
of the tokens collide. ``docs/pages.md`` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from headrace.results.pages.evaluation import Evaluation
from headrace.results.pages.figures import NARROW, count, score, share

CLOSE = 0.001
"""Part of the best log loss."""
FEW = 0.05
"""Part of the distinct tokens."""
FEW_ROWS = 10_000
_CLOSE, _FEW = (f"{part * 100:g}{NARROW}%" for part in (CLOSE, FEW))


@dataclass(frozen=True)
class Candidate:
    """A finished run.

    Attributes:
        number: Number of the run in its sweep.
        name: The other swept settings, in words; empty if only the width was swept.
        collision_rate: None if collisions were not counted.
    """

    number: int
    name: str
    n_features: int
    collision_rate: float | None
    evaluation: Evaluation | None

    @property
    def shown(self) -> str:
        """Return the name of the run in a sentence."""
        return count(self.n_features) + (f" with {self.name}" if self.name else "")


@dataclass(frozen=True)
class Advice:
    """A sentence, a word of caution, and the numbers of the runs that they are about.

    Attributes:
        taken: The run to take; None if there is none to advise.
        best: The run with the lowest log loss; None without evaluation.
    """

    text: str
    caution: str = ""
    taken: int | None = None
    best: int | None = None


def advise(candidates: Sequence[Candidate]) -> Advice:
    """Choose among the finished runs of a sweep that hash."""
    if len(candidates) < 2:
        return Advice("Fewer than two runs that hash have finished, so there is nothing to choose.")
    judged = [each for each in candidates if each.evaluation is not None]
    if len(judged) < 2:
        return _by_collisions(candidates)
    if len({each.evaluation.rows_judged for each in judged if each.evaluation}) > 1:
        return Advice(
            "The runs were judged on different rows, so their log losses cannot be compared.",
            "Sweep keys that leave the split alone, and the same data.",
        )
    return _by_log_loss(judged)


def _by_log_loss(judged: Sequence[Candidate]) -> Advice:
    best = min(judged, key=lambda each: (_loss(each), each.n_features))
    close = [each for each in judged if _loss(each) <= _loss(best) * (1 + CLOSE)]
    taken = min(close, key=lambda each: (each.n_features, _loss(each)))
    caution = _caution(judged, taken)
    if taken is best:
        reason = f"it has the lowest log loss, {score(_loss(best))}{_runner_up(judged, best)}"
        return Advice(
            f"Take {taken.shown}: {reason}.{_colliding(taken)}", caution, taken.number, best.number
        )
    reason = (
        f"its log loss, {score(_loss(taken))}, is within {_CLOSE} of the best, "
        f"{score(_loss(best))} at {best.shown}{_of_width(taken.n_features, best.n_features)}"
    )
    text = f"Take {taken.shown}: {reason}.{_colliding(taken)}"
    return Advice(text, caution, taken.number, best.number)


def _loss(candidate: Candidate) -> float:
    return candidate.evaluation.log_loss if candidate.evaluation else float("inf")


def _runner_up(judged: Sequence[Candidate], best: Candidate) -> str:
    """Return how much worse the best of the narrower runs is: the benefit of the width."""
    narrower = [each for each in judged if each.n_features < best.n_features]
    if not narrower:
        return ""
    nearest = min(narrower, key=_loss)
    lost = _loss(nearest) / _loss(best) - 1
    return f"; the best of the narrower ones, {nearest.shown}, is {share(lost)} worse"


def _of_width(taken: int, best: int) -> str:
    part = Fraction(taken, best).limit_denominator(10_000)
    if part == 1:
        return ""
    return (
        f", at {part} of the width"
        if part.numerator == 1
        else f", at {share(taken / best)} of the width"
    )


def _colliding(taken: Candidate) -> str:
    if taken.collision_rate is None:
        return ""
    return f" {share(taken.collision_rate)} of its tokens collide."


def _caution(judged: Sequence[Candidate], taken: Candidate) -> str:
    said = []
    widths = sorted({each.n_features for each in judged})
    rows = taken.evaluation.rows if taken.evaluation else 0
    if len(widths) > 1 and taken.n_features == widths[-1]:
        said.append("No wider one was tried; the log loss may fall further.")
    if len(widths) > 1 and taken.n_features == widths[0]:
        said.append("No narrower one was tried; it may do as well.")
    if rows < FEW_ROWS:
        said.append(f"Judged on {count(rows)} rows only, where differences of {_CLOSE} are chance.")
    return " ".join(said)


def _by_collisions(candidates: Sequence[Candidate]) -> Advice:
    more = "evaluation=logistic would tell what the collisions cost a model."
    counted = [each for each in candidates if each.collision_rate is not None]
    few = [each for each in counted if (each.collision_rate or 0) <= FEW]
    if not counted:
        return Advice(
            "Collisions were not counted, so there is no reason to prefer a width.",
            more.capitalize(),
        )
    if not few:
        least = min(counted, key=lambda each: (each.collision_rate or 0, each.n_features))
        return Advice(
            f"None of these keeps collisions below {_FEW} of the tokens; "
            f"{least.shown} comes closest with {share(least.collision_rate)}.",
            f"Most tokens are rare, so that may matter little; {more}",
        )
    taken = min(few, key=lambda each: (each.n_features, each.collision_rate or 0))
    return Advice(
        f"Take {taken.shown}: the narrowest at which at most {_FEW} of the tokens collide "
        f"({share(taken.collision_rate)}).",
        f"That is a rule of thumb; {more}",
        taken.number,
    )
