"""The root of all errors; the tree stands in ``errors``."""


class VesperaError(Exception):
    """Something in Vespera went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
