"""``action=jobs watch=true``: a live view of the Processing jobs of regions and profiles.

In: a region and a profile for each `Source`. Out: what a person sees: `app` draws it with Textual,
`plain` without. Threads ask SageMaker (`feed`), so a view never waits for an answer.
"""
