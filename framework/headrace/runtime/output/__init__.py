"""The output of a job: parts, digests, the report and the manifest.

In: batches from the end of the chain, and what was counted on the way. Out: whole files in the
output folders; the manifest is written last. `writers` has one module for each file format.
"""
