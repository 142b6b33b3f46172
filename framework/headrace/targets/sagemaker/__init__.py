"""``target=aws``: SageMaker Processing executes the request.

In: a job. Out: a submitted job whose state and log lines are followed, and its result on S3. Also
lists, describes and stops jobs, and estimates time and cost.
"""
