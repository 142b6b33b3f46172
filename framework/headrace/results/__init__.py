"""Results: which files belong to one, where it may be written, how it is read back.

In: an output folder or ``s3://`` prefix, and the reports in it. Out: typed results and their rows,
checks before a folder is used, the merged report of several instances, comparisons, pages.
"""
