"""The replay page: a run, or an environment that runs, as a page in the browser; nothing in the core depends on it."""
