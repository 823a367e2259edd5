"""The one error of the embedded PostgreSQL."""


class EmbeddedError(Exception):
    """The embedded server cannot do it; the message is one sentence that says what is wrong and what to do."""
