"""From a URI to a store.

Belongs here: telling kinds of stores apart. Does not belong here: any kind.
"""

import urllib.parse
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.store import Store


def open_store(uri: str) -> Store:
    """The store at `uri`: a folder's path or `file://` URI.

    Raises:
        InputError: a kind of store that is not known.
    """
    scheme, _, rest = uri.partition("://")
    if not rest:
        return LocalStore(Path(uri))
    if scheme == "file":
        return LocalStore(Path(urllib.parse.unquote(urllib.parse.urlparse(uri).path)))
    raise InputError(
        Problem(message=f"no store at {uri!r}: {scheme!r} is not a known kind", fix="give a folder, or a `file://` URI")
    )
