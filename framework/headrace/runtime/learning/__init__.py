"""Steps that learn from the rows in passes before the one that writes.

In: the batches that reach a step, the training rows only if a split precedes it. Out: one state for
each step, a table that does not depend on the order of the rows, kept in ``report/state/``.
"""
