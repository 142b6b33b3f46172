"""The early end of a job: by a signal to the client, or because the client was killed.

In: signals, and the processes that a job has started. Out: a job that ends between two steps, and
no process of it that is still alive. Used by all targets and by sweeps.
"""
