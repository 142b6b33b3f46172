"""A model trained on the hashed rows and judged on those that it has not seen."""
