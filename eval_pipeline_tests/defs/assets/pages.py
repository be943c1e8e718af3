"""Every page of a recorder that links lead to."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.links += [value for name, value in attrs if name == "href" and value]


def every_page(url: str) -> dict[str, str]:
    """HTML by address, from the first page on."""
    pages: dict[str, str] = {}
    waiting = [f"{url}/"]
    while waiting:
        address = waiting.pop()
        if address in pages or not address.startswith(f"{url}/") or address.endswith(".css"):
            continue
        pages[address] = httpx.get(address).text
        waiting += [urljoin(address, link) for link in _Links(pages[address]).links]
    return pages
