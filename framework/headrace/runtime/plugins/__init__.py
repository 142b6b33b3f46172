"""Plugins: what a configuration chooses by name, shipped or from an installed package.

In: names, and the folders and entry points that plugins come from. Out: classes of transforms,
readers and writers. Imports nothing heavy, since the client half reads the names at its start;
but for `promises`, which checks batches and is the runtime's alone.
"""
