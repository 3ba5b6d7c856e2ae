"""The world of an episode: the street, which days it lives through, what households see and may do."""
