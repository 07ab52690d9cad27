"""A project that builds on Vespera as its users do: by subclassing its container."""
