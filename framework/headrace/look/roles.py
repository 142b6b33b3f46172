"""Advise the role of each column and say what is odd about it, for a person to judge.

Names tell most: people call the label ``click`` or ``target`` and the id ``id``. Values tell the
rest. Nothing is taken for the label on its values alone unless it is the only column that can be.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.look.cells import is_number_of_people
from headrace.look.columns import (
    BOOLEAN,
    CONSTANT,
    EMPTY,
    INTEGERS,
    NUMBERS,
    TIME,
    TIME_NAME,
    Column,
)
from headrace.runtime.shown import listed, quoted

LABEL, ID, NUMERIC, CATEGORICAL, DROP, WHEN = (
    "label",
    "id",
    "numeric",
    "categorical",
    "drop",
    "time",
)
_SURE_LABELS = (
    "label", "labels", "click", "clicked", "is_click", "is_clicked", "isclick", "click_label",
    "target", "y", "converted", "is_converted", "conversion", "survived", "churn", "churned",
    "exited", "is_fraud", "isfraud", "fraud", "purchased", "clicked_on_ad", "attrition",
    "subscribed", "clk", "is_attributed", "is_trade", "hasdetections",
)  # fmt: skip
"""Names of labels, the likeliest first."""
_LIKELY_LABELS = (
    "class", "outcome", "response", "result", "approved", "default", "loan_status", "deposit",
    "diagnosis", "species", "revenue", "quality", "saleprice", "price", "rating", "medv", "charges",
    "income", "status", "buy", "bought", "admitted", "spam", "is_spam", "category", "sentiment",
    "score", "stroke",
)  # fmt: skip
_ID_NAME = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key|uid)$|[a-z](?:Id|ID|Uuid)$", re.IGNORECASE)
_CODE_NAME = re.compile(
    r"(?:^|[_\W])(?:id|code|zip|zipcode|postal|type|cat|category|kind|class|model|version|site|app|"
    r"domain|hash|phone)(?:$|[_\W\d])|[a-z](?:Id|ID|Code)$|^[Cc][0-9]+$", re.IGNORECASE,
)  # fmt: skip
_INDEX_NAMES = frozenset({"", "index", "unnamed: 0", "__index_level_0__", "x1", "rownames", "row"})
_NEGATIVE = frozenset(
    ("0", "-1", "0.0", "-1.0", "no", "n", "false", "f", "neg", "negative", "none", "off", "bad",
     "non", "never", "absent", "unclicked", "dead", "failed", "rejected", "ham", "benign")
)  # fmt: skip
_POSITIVE = frozenset(
    ("1", "1.0", "yes", "y", "true", "t", "pos", "positive", "on", "good", "click", "clicked",
     "converted", "present", "alive", "passed", "approved", "spam", "malignant")
)  # fmt: skip
_MOST_CLASSES = 20
_MAYBE = 5
"""Columns that are named as perhaps the label."""
_FEW_ROWS = 20
"""Below which a column whose values are all different says nothing."""
_MOSTLY = 0.9
_TWIN_AUC = 0.99
_FEW_CODES = 20


@dataclass(frozen=True)
class Advice:
    """Advice on the roles of columns.

    Attributes:
        roles: Name → role.
        label: The column to predict, if one is likely enough.
        label_values: Text → number, for a label that is not numbers from 0 on.
        maybe_label: Further columns that may be the label.
        warnings: Name → what is odd.
    """

    roles: dict[str, str]
    label: str | None
    label_values: dict[str, int]
    maybe_label: list[str]
    warnings: dict[str, list[str]] = field(default_factory=dict)


def advice_of(
    columns: Sequence[Column], given: Mapping[str, str | None], *, is_whole: bool
) -> Advice:
    """Suggest a role for each column.

    Args:
        columns: The columns.
        given: Roles that are known: ``label`` and ``id`` → name, None for none.
        is_whole: Whether there are no further rows, in which a column may have other values.
    """
    by_name = {column.name: column for column in columns}
    label, maybe = _label(columns)
    if "label" in given:
        label, maybe = given["label"], []
    identity = given["id"] if "id" in given else _identity(columns, label)
    when = _when(columns, {label, identity})
    roles, warnings = {}, defaultdict[str, list[str]](list)
    target = by_name.get(label) if label is not None else None
    for column in columns:
        fixed = {label: LABEL, identity: ID, when: WHEN}.get(column.name)
        roles[column.name] = fixed or _role(column, is_whole=is_whole)
        warnings[column.name] += _warnings(column, fixed)
        if fixed is None and target is not None and _is_twin(column, target):
            warnings[column.name].append(f"looks like the twin of {quoted(target.name)}")
            roles[column.name] = DROP
    _keep_some(roles, columns)
    values = _label_values(target) if target is not None else {}
    if target is not None:
        warnings[target.name] += _label_warnings(target)
    return Advice(roles, label, values, maybe, {k: v for k, v in warnings.items() if v})


def _keep_some(roles: dict[str, str], columns: Sequence[Column]) -> None:
    """Keep columns that would better be left out where there are no others."""
    if not {NUMERIC, CATEGORICAL}.intersection(roles.values()):
        kept = [each for each in columns if roles[each.name] == DROP and not _is_index(each)]
        roles.update(dict.fromkeys((each.name for each in kept), CATEGORICAL))


def _label(columns: Sequence[Column]) -> tuple[str | None, list[str]]:
    """Return the label, if it is likely enough, and what else it may be."""
    able = [column for column in columns if _can_be_label(column)]
    names = {_normal(column.name): column.name for column in reversed(able)}
    if sure := [names[name] for name in _SURE_LABELS if name in names]:
        return sure[0], []
    ends = {columns[0].name, columns[-1].name} if columns else set()
    binary = [column.name for column in able if _is_binary(column)]
    likely = [names[name] for name in _LIKELY_LABELS if name in names]
    marked = [name for name in binary if _says_label(name)]
    at_end = [name for name in likely if name in ends]
    is_alone = len(binary) == 1 and not likely and len(columns) > 1
    alone = [name for name in binary if name in ends and is_alone]
    booleans = [column.name for column in able if column.kind == BOOLEAN and column.name in likely]
    both = [name for name in likely if name in binary]
    last = [name for name in binary if name == columns[-1].name and _says_label(name, likely=True)]
    only = likely if not binary else []
    for found in (marked, booleans, both, last, at_end, alone, only):
        if len(found) == 1:
            return found[0], []
    few = [column.name for column in able if len(column.values) <= _MOST_CLASSES]
    first, second = ([n for n in reversed(names) if n in ends] for names in (binary, few))
    return None, list(dict.fromkeys([*marked, *likely, *first, *binary, *second]))[:_MAYBE]


def _normal(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def _is_binary(column: Column) -> bool:
    return len(column.values) == 2 and not _ID_NAME.search(column.name)


def _says_label(name: str, *, likely: bool = False) -> bool:
    known = (*_SURE_LABELS, *(_LIKELY_LABELS if likely else ()))
    return any(word in known and len(word) > 1 for word in _normal(name).split("_"))


def _can_be_label(column: Column) -> bool:
    if column.kind in (EMPTY, CONSTANT, TIME) or len(column.values) < 2:
        return False
    return column.is_numeric or len(column.values) <= min(_MOST_CLASSES, max(column.rows // 2, 2))


def _identity(columns: Sequence[Column], label: str | None) -> str | None:
    """Return the column that names the row: unique, and called so, or the first one."""
    unique = [
        column
        for column in columns
        if column.is_unique and column.name != label and column.kind not in (NUMBERS, TIME)
    ]
    named = [column.name for column in unique if _ID_NAME.search(column.name)]
    exact = [name for name in named if _normal(name) in ("id", "row_id", "uuid", "key")]
    counting = [c.name for c in unique if c.is_sequence and not _is_index(c)]
    return next(iter([*exact, *named, *counting]), None)


def _when(columns: Sequence[Column], taken: set[str | None]) -> str | None:
    times = [c for c in columns if c.kind == TIME and c.name not in taken]
    named = [column.name for column in times if TIME_NAME.search(column.name)]
    return next(iter([*named, *(column.name for column in times)]), None)


def _role(column: Column, *, is_whole: bool) -> str:
    if column.is_of_folder:
        return CATEGORICAL
    if column.kind in (EMPTY, CONSTANT):
        return DROP if is_whole and column.rows else CATEGORICAL
    if _is_index(column):
        return DROP
    if _is_like_an_id(column):
        return DROP
    return NUMERIC if _is_measure(column) else CATEGORICAL


def _is_index(column: Column) -> bool:
    is_named = column.name.strip().lower() in _INDEX_NAMES
    return column.is_sequence and column.cells[0] in ("0", "1") and is_named


def _is_measure(column: Column) -> bool:
    """Return whether a column counts or measures something, and is no code."""
    if column.kind == NUMBERS:
        return True
    if column.kind != INTEGERS or _CODE_NAME.search(column.name) or _ID_NAME.search(column.name):
        return False
    if not column.is_numeric or column.is_sequence:
        return False
    lengths = Counter(len(value.lstrip("+-")) for value in column.values)
    are_codes = len(lengths) == 1 and next(iter(lengths)) >= 4
    has_zeros = any(len(value) > 1 and value.startswith("0") for value in column.values)
    return len(column.values) > _FEW_CODES and not are_codes and not has_zeros


def _warnings(column: Column, role: str | None) -> Iterator[str]:
    if column.is_of_folder:
        yield "named by the folders"
    if column.kind == EMPTY:
        yield "no value"
    elif column.kind == CONSTANT:
        yield "always the same value"
    elif _is_index(column):
        yield "counts the rows: an index that was written along"
    elif role is None and _is_like_an_id(column):
        yield "another value in each row: an id?"
    if column.kind == TIME and role != WHEN:
        yield "looks like a time"
    if role == WHEN and column.is_unique and column.rows >= _FEW_ROWS:
        yield "another time in each row"
    if column.kind != EMPTY and column.nulls > _MOSTLY * column.rows:
        yield f"{column.nulls * 100 // column.rows} % are null"
    if _is_for_people(column):
        yield "numbers written for people, which are read as text"


def _is_like_an_id(column: Column) -> bool:
    is_unique = column.is_unique and column.rows >= _FEW_ROWS
    return is_unique and not _is_measure(column) and not _is_for_people(column)


def _is_for_people(column: Column) -> bool:
    if column.kind in (TIME, INTEGERS, NUMBERS) or not column.values:
        return False
    return all(map(is_number_of_people, column.values))


def _is_twin(column: Column, label: Column) -> bool:
    """Return whether a column tells the label by itself: no wonder, but no feature either."""
    pairs = [
        (cell, target)
        for cell, target in zip(column.cells, label.cells, strict=True)
        if cell is not None and target is not None
    ]
    if len(pairs) < max(_FEW_ROWS, 0.5 * column.rows) or len(label.values) > _MOST_CLASSES:
        return False
    targets = defaultdict[str, Counter[str]](Counter)
    for cell, target in pairs:
        targets[cell][target] += 1
    if len(targets) <= len(pairs) / 10 and len(targets) > 1:
        right = sum(max(counts.values()) for counts in targets.values())
        usual = max(label.values.values()) / label.values.total()
        if right / len(pairs) > usual + _TWIN_AUC * (1 - usual):
            return True
    return len(label.values) == 2 and column.is_numeric and _separates(pairs)


def _separates(pairs: Sequence[tuple[str, str]]) -> bool:
    """Return whether one side of a threshold has one label, and the other side the other."""
    ordered = sorted((float(cell), target) for cell, target in pairs)
    if len({number for number, _ in ordered}) < 2:
        return False
    positive = ordered[-1][1]
    rank_sum, count = 0.0, 0
    ranks = _mean_ranks([number for number, _ in ordered])
    for rank, (_, target) in zip(ranks, ordered, strict=True):
        if target == positive:
            rank_sum, count = rank_sum + rank, count + 1
    others = len(ordered) - count
    if not others:
        return False
    auc = (rank_sum - count * (count + 1) / 2) / (count * others)
    return max(auc, 1 - auc) > _TWIN_AUC


def _mean_ranks(ordered: Sequence[float]) -> list[float]:
    """Return the rank of each number, from 1; equal numbers have the mean of theirs."""
    ranks: list[float] = []
    start = 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end] == ordered[start]:
            end += 1
        ranks += [(start + 1 + end) / 2] * (end - start)
        start = end
    return ranks


def _label_values(label: Column) -> dict[str, int]:
    """Return the number of each text of a label; none for numbers that can stay as they are."""
    values = sorted(label.values)
    if label.is_numeric and set(map(float, values)) != {-1.0, 1.0}:
        return {}
    if len(values) > _MOST_CLASSES:
        return {}
    if len(values) == 2:
        values.sort(key=lambda value: _rank_of_class(value, label))
    return {value: number for number, value in enumerate(values)}


def _rank_of_class(value: str, label: Column) -> tuple[int, int]:
    """Return a sort key: what is no event first, and of two unknown texts the frequent one."""
    text = value.strip().lower().rstrip(".")
    is_negative = text in _NEGATIVE or text.startswith(("<", "no ", "not ", "no_", "not_", "non-"))
    is_positive = text in _POSITIVE or text.startswith(">")
    return is_positive - is_negative, -label.values[value]


def _label_warnings(label: Column) -> Iterator[str]:
    if label.nulls:
        yield f"{label.nulls:,} rows have no label"
    if not label.is_numeric and len(label.values) > 2:
        yield f"{len(label.values)} classes: {listed(sorted(label.values), 5)}"
    if label.kind == BOOLEAN or len(label.values) != 2:
        return
    rare = min(label.values.values()) / label.values.total()
    if rare < 0.001:
        yield "one of its values is next to never there"
