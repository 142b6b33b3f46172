"""The command line: from ``argv`` to an exit status.

In: the configuration that Hydra composed. Out: one action performed, messages on stderr, and exit
status 0, 1, 2 or 130. `actions` has one module for each ``action=``, `sweep` has what ``-m`` needs.
"""
