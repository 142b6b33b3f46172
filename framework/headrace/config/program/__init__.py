"""``program``, ``inputs`` and ``outputs`` in the configuration.

In: what stands in ``conf/``, on the command line, or in a call from Python. Out: models, and every
problem that is theirs alone. What compiles them is in `headrace.programs`.
"""
