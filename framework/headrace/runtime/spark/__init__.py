"""The same job on a Spark cluster: Spark schedules the tasks, headrace reads the files.

In: ``job.json`` and the input files, which every host has. Out: the same rows as on one machine, in
parts written by the tasks, and one report written by the driver. Only this folder imports pyspark.
"""
