"""Column types that migrations name without importing the models."""

from sqlalchemy.types import UserDefinedType


class Raw(UserDefinedType[object]):
    """A type by its SQL name."""

    cache_ok = True

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def get_col_spec(self, **_: object) -> str:
        return self.spec
