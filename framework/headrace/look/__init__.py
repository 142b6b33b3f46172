"""A first look at a file: what it is, and the ``conf/dataset`` file that reads it.

In: ``dataset.path``, of which no more than the first rows are read. Out: format, encoding and
dialect, a profile of each column, the part that it may play, and the text of a YAML file.
"""
