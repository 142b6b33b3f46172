"""The page of a sweep: which run is advised and why, what is drawn, every run.

In: the record of a sweep. Out: what the template ``sweep.html`` shows. `runs` has the figures of
the runs, `keys` the values of those keys that differ, `advice` chooses a run, `drawings` and
`parallel` draw.
"""
