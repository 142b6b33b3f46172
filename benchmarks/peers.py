"""Programs that a user could write instead of using headrace.

    python benchmarks/peers.py polars-ten-lines avazu_1m.csv out

* `polars-ten-lines`: an unsigned index for each cell, in a column of its own, to Parquet. There is
  no split, no sign, no sparse row and no report.
* `polars-same-work`: the rows of `transform=hashing output.format=parquet`, split by the id, the
  sums signed and the entries sorted. There are no statistics and no report.
* `duckdb-ten-lines`: as polars's, by DuckDB's own hash function, for it has no MurmurHash3.

A program imports what it needs and nothing else, as it is measured as a whole process.
"""

import sys
from pathlib import Path

N_FEATURES = 2**20
TRAIN = int(0.8 * 2**32)
KEPT = ("id", "click")


def polars_ten_lines(log: str, folder: Path) -> None:
    """Write the index of each cell, by polars and polars-hash."""
    import polars as pl
    import polars_hash as plh

    rows = pl.read_csv(log, infer_schema=False)
    features = [name for name in rows.columns if name not in KEPT]
    tokens = [pl.concat_str(pl.lit(f"{name}="), name).alias(name) for name in features]
    hashes = [plh.col(name).nchash.murmur32() % N_FEATURES for name in features]
    rows.select(*KEPT, *tokens).with_columns(hashes).write_parquet(folder / "rows.parquet")


def polars_same_work(log: str, folder: Path) -> None:
    """Write sparse rows, by polars and polars-hash."""
    import polars as pl
    import polars_hash as plh

    def signed(name: str) -> pl.Expr:
        """Return index and sign in one number: the index above, the sign below."""
        hashes = plh.col(name).nchash.murmur32().cast(pl.Int64)
        is_negative = hashes >= 2**31
        magnitude = pl.when(is_negative).then(2**32 - hashes).otherwise(hashes)
        return (magnitude % N_FEATURES * 2 + is_negative.cast(pl.Int64)).cast(pl.Int32).alias(name)

    rows = pl.read_csv(log, infer_schema=False).with_row_index("row")
    features = [name for name in rows.columns if name not in ("row", *KEPT)]
    tokens = [pl.concat_str(pl.lit(f"{name}="), name).alias(name) for name in features]
    trains = (plh.col("id").nchash.murmur32() < TRAIN).alias("trains")
    label = pl.col("click").cast(pl.Float64).alias("label")
    keys = (
        rows.select("row", "id", label, trains, *tokens)
        .with_columns(signed(name) for name in features)
        .with_columns(pl.concat_list(features).list.drop_nulls().list.sort().alias("key"))
        .select("row", "id", "label", "trains", "key")
    )
    one = pl.element()
    sparse = keys.with_columns(
        pl.col("key").list.eval(one // 2).alias("indices"),
        pl.col("key").list.eval((1 - 2 * (one % 2)).cast(pl.Float32)).alias("values"),
    ).drop("key")
    # Rows in which two tokens share an index are few; they alone are summed.
    is_summed = pl.col("indices").list.n_unique() < pl.col("indices").list.len()
    order = ["row", "id", "label", "trains"]
    summed = (
        sparse.filter(is_summed)
        .explode("indices", "values")
        .group_by(*order, "indices")
        .agg(pl.col("values").sum())
        .sort("row", "indices")
        .group_by(order, maintain_order=True)
        .agg("indices", "values")
    )
    whole = pl.concat([sparse.filter(~is_summed), summed]).sort("row")
    for channel, chosen in (("train", True), ("validation", False)):
        part = whole.filter(pl.col("trains") == chosen)
        part.select("id", "label", "indices", "values").write_parquet(folder / f"{channel}.parquet")


def duckdb_ten_lines(log: str, folder: Path) -> None:
    """Write the index of each cell, by DuckDB."""
    import duckdb

    rows = duckdb.read_csv(log, all_varchar=True)
    features = [name for name in rows.columns if name not in KEPT]
    hashes = [
        f"""(hash('{name}=' || "{name}") % {N_FEATURES})::UINTEGER AS "{name}\""""
        for name in features
    ]
    rows.project(", ".join([*KEPT, *hashes])).write_parquet(str(folder / "rows.parquet"))


PROGRAMS = {
    "polars-ten-lines": polars_ten_lines,
    "polars-same-work": polars_same_work,
    "duckdb-ten-lines": duckdb_ten_lines,
}

if __name__ == "__main__":
    name, log, out = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    PROGRAMS[name](log, Path(out))
