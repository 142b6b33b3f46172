"""Hash functions over whole text columns, without a loop over rows.

In: Arrow columns of text or numbers. Out: hashes as NumPy arrays, and sparse rows (indices and
values) made of them. Transforms use `functions.hash_cells` and `hasher.Hasher`; the client needs
the latter to check a configuration, so nothing is imported here.
"""
