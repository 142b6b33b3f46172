"""``target=container``: executes a job in a container on this machine.

In: a job. Out: its whole result, or none. The SageMaker SDK's local mode runs the container;
inputs and delivery are those of `headrace.targets.local`.
"""
