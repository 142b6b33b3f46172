"""The configuration: composed by Hydra, validated by pydantic, transforms found by name.

In: ``conf/``, overrides, and the plugins in ``transforms/`` or from installed packages. Out: frozen
models and a chain of validated transforms (`headrace.config.compose.Plan`), or one `ConfigError`
that lists all problems. No other folder sees a DictConfig, except `cli`, which passes it on.
"""
