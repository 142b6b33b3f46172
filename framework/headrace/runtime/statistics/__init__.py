"""Statistics of a run, counted in bounded memory while the rows stream by.

In: batches and the hashes of their cells. Out: ``report/metrics.json`` (distinct and frequent
values, nulls, collisions, rows by time), and ``observed.npz``, from which the metrics of several
instances are merged.
"""
