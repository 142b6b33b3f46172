"""Compiled kernels: what NumPy and Arrow do on the way of every row, in C and in one pass.

In: NumPy arrays and Arrow columns. Out: the same, to the bit, that the code beside each call makes
without kernels. They are never needed: where none is built or can be loaded, NumPy does the work.
`c/` holds the source; the client builds it (`headrace.job.kernels`), and the result travels in the
entry script.
"""
