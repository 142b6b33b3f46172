"""The same job on a Spark cluster: Spark says which host reads what, our reader reads it."""
