"""The address of a page is its state: what a table is searched, filtered and sorted by, and its page."""

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request


class Address:
    """The path and the parameters of a request, and links that change some of them."""

    def __init__(self, path: str, parameters: Iterable[tuple[str, str]]) -> None:
        self.path = path
        self._parameters = [(name, value) for name, value in parameters if value]

    def get(self, name: str, default: str = "") -> str:
        """The value of a parameter."""
        return next((value for each, value in self._parameters if each == name), default)

    def all(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for each, value in self._parameters if each == name]

    def has_any(self, *names: str) -> bool:
        """Whether one of these parameters is given."""
        return any(name in names for name, _ in self._parameters)

    def link(self, **changes: object) -> str:
        """This address with other parameters; None removes one. The first page is shown unless `page` is given."""
        kept = [(name, value) for name, value in self._parameters if name not in changes and name != "page"]
        added = [
            (name, str(each))
            for name, value in changes.items()
            for each in (value if isinstance(value, list) else [value])
            if each is not None and each != ""
        ]
        query = urlencode([*kept, *added])
        return f"{self.path}?{query}" if query else self.path

    def without(self, *names: str) -> str:
        """This address without some parameters and on the first page."""
        return self.link(**dict.fromkeys(names))

    def others(self, *names: str) -> list[tuple[str, str]]:
        """The parameters that a form with fields of these names keeps as hidden fields."""
        return [(name, value) for name, value in self._parameters if name not in (*names, "page")]


def address_of(request: Request) -> Address:
    """The address of a request."""
    return Address(request.url.path, request.query_params.multi_items())


AddressDep = Annotated[Address, Depends(address_of)]
