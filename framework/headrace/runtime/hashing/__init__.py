"""From the feature columns of a batch to sparse rows: hash functions, tokens, indices.

Imports nothing: the client checks configurations with `hasher.Hasher` alone.
"""
