"""The use of Hydra: what it may make and load, overrides as typed, and its errors in our words.

In: the words of a command line, or overrides from Python. Out: one composed DictConfig, or a
`ConfigError`.
"""
