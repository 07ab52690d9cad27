"""How a handler is stopped of which nothing new is wanted."""


class Rewind(BaseException):
    """From here on nothing is done any more, as what was done is to be undone. No ``Exception``, so
    that no handler takes it for a failure of its own.
    """
