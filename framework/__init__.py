"""The client half: makes a job of a configuration and hands it to a target. `runtime` ships."""
