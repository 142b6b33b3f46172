"""Sweeps (``-m``): Hydra's callbacks, the summary, fused runs, the value for a sweeper.

In: the composed configurations of all runs, and what each run left in its folder. Out: a table on
the terminal, ``summary.csv``, ``summary.html``, and one number for each run to minimise.
"""
