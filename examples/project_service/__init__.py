"""A downstream package: a service by HTTP in which many projects have their work done."""
