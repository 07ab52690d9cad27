"""A downstream package: a generator and a reviewer write modules that ruff has nothing against."""
