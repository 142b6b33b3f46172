"""The columns of a page: in their order, and no more than anybody reads."""

from __future__ import annotations

from headrace.results.pages.run_page import SHOWN, columns_of

DESCRIBED = {"distinct": 2, "distinct_is_exact": True, "nulls": 1, "colliding_tokens": 1}


def test_a_page_shows_the_first_columns() -> None:
    described = {f"c{i}": DESCRIBED for i in range(SHOWN + 1)}
    columns = columns_of({"rows": 4, "columns": described}, ["c1"])
    assert [column.name for column in columns] == list(described)[:SHOWN]
    assert (columns[0].colliding_share, columns[1].colliding_share) == (0.5, 1.0)
    assert columns[0].null_share == 0.25
