"""``target=local``: executes a job on this machine, without Docker or an AWS account.

In: a job. Out: its whole result, or none. A scratch folder takes the place of ``/opt/ml``, each
instance is a process, and the outputs are delivered only after all instances have succeeded.
"""
