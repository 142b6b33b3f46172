"""Jobs that feed each other: run in order on any target, or made into one SageMaker pipeline.

In: the key ``flow`` of a configuration (`headrace.config.flow`), and what else was typed. Out: a
`Flow` of compiled jobs (`loading`, `graph`), which `runner` executes and `pipeline` describes.
"""
