"""Output for people: progress, tables, numbers with units, masked secrets.

In: figures, rows of text, key-value pairs. Out: text for a terminal or a page. Knows nothing of
jobs.
"""
