"""What can go wrong with a model, in one tree.

    ModelError
    |-- ModelUnavailable: it does not answer, or says that something broke on its side
    |       ModelBusy: it has too much to do, and perhaps says for how long
    |-- AnswerUnreadable: what it answers makes no sense
    |-- ModelRefused: it will not answer this, however often it is asked
    |-- ModelClosed: the client was closed
    `-- MediaUnreadable: the picture or video cannot be read

Asking again may help against the first two.
"""


class ModelError(Exception):
    """The model cannot be asked, or its answer cannot be used."""


class ModelUnavailable(ModelError):
    """No answer, or one that says that something broke on the model's side (5xx)."""


class ModelBusy(ModelUnavailable):
    """The model has too much to do.

    Attributes:
        retry_after: for how many seconds it asks to be left alone; None: it does not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AnswerUnreadable(ModelError):
    """The answer is not what a model says: broken JSON, or JSON of another shape."""


class ModelRefused(ModelError):
    """The model refuses the request, as it would refuse it again.

    Attributes:
        status: of HTTP, from 400 to 499.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ModelClosed(ModelError):
    """The client was closed, or belongs to another event loop."""


class MediaUnreadable(ModelError):
    """The picture or the video is not there, or is none."""
