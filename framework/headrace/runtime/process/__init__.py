"""The process of a job: finds the job, executes it, and says how it ended.

In: ``job.json``, the input, and signals from outside. Out: the outcome of one host, progress on
stdout, the failure message in ``/opt/ml/output/message``, and an exit status. Threads, packages and
memory are set up here too.
"""
