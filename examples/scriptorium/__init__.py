"""A downstream package: a premise is planned, shared out to specialists, and carried out."""
