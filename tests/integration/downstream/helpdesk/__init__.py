"""A project that builds on Vespera, as its users do: public names only, everything by subclassing."""
