"""Output for people: progress, tables, colours, links, numbers with units.

In: figures, rows of text, key-value pairs. Out: text for a terminal or a page. Knows nothing of
jobs.
"""
