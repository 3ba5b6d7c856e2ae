"""The table of learned policies: tasks, algorithms and seeds, run by run from a plan; see docs/learning-results.md."""
