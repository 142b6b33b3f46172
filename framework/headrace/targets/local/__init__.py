"""``target=local``: executes a request on this machine, without Docker or an AWS account.

In: a job. Out: its result, whole or absent. A scratch folder stands in for ``/opt/ml``, each
instance is a process, and the outputs are delivered only after all instances have succeeded.
"""
