"""A downstream package: audit any directory of Python source, one durable task per module."""
