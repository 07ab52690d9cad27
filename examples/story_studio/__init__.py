"""A premise becomes a story: text, voice and picture on one page."""
