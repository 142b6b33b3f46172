"""``target=container``: executes a request in a container on this machine.

In: a job. Out: its result, whole or absent. The SageMaker SDK's local mode runs the container;
inputs and delivery are those of `headrace.targets.local`.
"""
