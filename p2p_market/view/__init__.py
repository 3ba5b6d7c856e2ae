"""Presentation: text, pictures and figures; nothing in the core depends on it."""
