"""The job: the exact ``CreateProcessingJob`` request and the files that it ships.

In: a checked configuration, a backend, an account and the data's location. Out: a
`headrace.job.job.Job`, which is plain data and does not depend on the target that runs it. The
modules here make no call to AWS and write no file.
"""
