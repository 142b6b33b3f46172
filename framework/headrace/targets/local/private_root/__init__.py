"""A user's program at the absolute paths of its request, without Docker.

In: a request, its inputs and a scratch root. Out: a command that runs the request's entrypoint in a
mount and PID namespace of its own, where ``/opt/ml`` is a folder of the scratch root and everything
else is as on the machine.
"""
