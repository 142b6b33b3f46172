"""The chain of transforms: roles of columns, schemas before any data, batches afterwards.

In: the names and parameters of the steps, and batches of cells as text. Out: batches of the columns
that are written. Each step is checked against its promised schema.
"""
