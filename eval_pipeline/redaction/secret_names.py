"""Names under which secrets stand: keys of JSON, columns, and names in text, such as `password=` or `X-Api-Key:`."""

import re
from collections.abc import Iterator

_CERTAIN = (
    "pass word",
    "pass words",
    "pass wd",
    "pass phrase",
    "pass code",
    "pwd",
    "db pass",
    "user pass",
    "root pass",
    "admin pass",
    "mysql pass",
    "api key",
    "api keys",
    "app key",
    "auth key",
    "service key",
    "account key",
    "secret key",
    "access key",
    "private key",
    "encryption key",
    "signing key",
    "master key",
    "subscription key",
    "client secret",
    "api secret",
    "app secret",
    "access token",
    "auth token",
    "refresh token",
    "api token",
    "authorization",
    "connection string",
    "shared access signature",
)
"""How names end under which secrets stand; between words may be separators."""
_AMBIGUOUS = ("secret", "secrets", "token", "credential", "credentials")
"""The same, for words of prose and of programs: in text, what follows without quotation marks is secret unless it is a
word."""
_WHOLE = ("cookie", "cookies", "set cookie", "sig", "x amz signature", "x goog signature", "j session id", "phpsessid")
"""Names of secrets as a whole only: a `favourite_cookie` is none."""
_HEADERS = {"authorization", "cookie", "setcookie"}
"""In text, the secret goes on to the end of the line."""

_SEPARATORS = "-_ ."
_BETWEEN = f"[{_SEPARATORS}]*"
_AFTER_NAME = f"{_SEPARATORS}0123456789"
"""What may follow a name: `password_2`."""
_WITHOUT_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_WHOLE_NAMES = frozenset(name.replace(" ", "") for name in _WHOLE)


def _shortest(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that do not end with another."""
    return tuple(name for name in names if not any(name != other and name.endswith(other) for other in names))


SECRET_ENDINGS = _shortest(tuple(name.replace(" ", "") for name in (*_CERTAIN, *_AMBIGUOUS)))
"""How a key ends under which a secret stands, in lower case and without separators."""
_ALL_NAMES = _shortest((*SECRET_ENDINGS, *sorted(_WHOLE_NAMES)))


def _of_words(names: tuple[str, ...]) -> str:
    return "|".join(_BETWEEN.join(name.split()) for name in sorted(names, key=len, reverse=True))


_LONGEST_NAME = 64
_CLOSING = " \t\\\"'`]"
"""What may follow a name before `:` or `=`: its quotation mark, at any depth of JSON within JSON."""
_DELIMITER = re.compile("[:=>]")
_NAME = re.compile(
    rf"(?i:(?P<certain>{_of_words(_CERTAIN)})|(?P<ambiguous>{_of_words(_AMBIGUOUS)})"
    rf"|(?<![a-z0-9])(?P<whole>{_of_words(_WHOLE)}))\Z"
)
_VALUE = re.compile(
    r"(?::=|=>|={1,3}|:(?!//)|>)[ \t]*+"
    r"(?:[bruf]{0,2}(?P<quote>\\*+[\"'`])(?P<quoted>[^\n]*?)(?=(?<!\\)(?P=quote)|\n|\Z)"
    r"|(?P<bare>[^\s\"'`&;,<>{}\[\]()\\]++))"
)
_OPTION = re.compile(
    rf"--(?i:[a-z-]{{0,30}}?(?:{_of_words((*_CERTAIN, *_AMBIGUOUS))}))[ \t]+[\"']?(?P<bare>[^\s\"'`\\-][^\s\"'`\\]*)"
)
_LINE = re.compile(r"(?:[^\n\r\"'`\\]|(?<==)\"[^\"\n\r\\]*\")+")
_SCHEME = re.compile(r"(?i:bearer|basic|digest|token|negotiate|apikey|api-key|hmac|signature|aws4\S*)[ \t]")
_NO_SECRET = re.compile(
    r"(?i:none|null|nil|undefined|true|false|str|string|bytes|secretstr|optional|\*+|\.+|x{3,}|\|[+-]?|>[+-]?)[.,:?!]*"
    r"|\$\w+|%\w+%?"
)
"""Values, types and placeholders that stand in a secret's place."""
_WORD = re.compile(r"[A-Za-z]?[a-z]{0,18}|[A-Z]{0,12}|[A-Za-z0-9]{0,4}")
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+")

# Signs: as in `signs`, tests that match every document or text with such a name, and a few others.

_TO_VALUE = r"[\\\"'`\]t \t\n]*(?:[:=>]|value)"
_NAMES = _of_words(_shortest((*_CERTAIN, *_AMBIGUOUS, *_WHOLE)))
SIGNS = rf"(?i:{_NAMES})[{_AFTER_NAME}]*{_TO_VALUE}|--(?i:[a-z-]*(?:{_NAMES}))[ \\]"
"""For RE2: matches every text, and the texts of every JSON document, with a name of a secret."""
KEY_SIGNS = rf"(?i:{'|'.join(map(_BETWEEN.join, _ALL_NAMES))})[{_AFTER_NAME}]*\"\s*:"
"""For RE2: matches every JSON document with a key that names a secret."""
_WITHOUT_AFTER_NAME = _AFTER_NAME.encode()
_BYTE_SIGNS = tuple((name.encode(), re.compile((name + _TO_VALUE).encode())) for name in _ALL_NAMES)
_OPTION_BYTES = re.compile(rb"--[a-zA-Z]")


def names_secret(key: str) -> bool:
    """Whether `key` names a secret, so that its value is redacted whatever it looks like."""
    name = key.rstrip(_AFTER_NAME)
    normalized = _normalized(name)
    return name[-1:].isalpha() and (normalized.endswith(SECRET_ENDINGS) or normalized in _WHOLE_NAMES)


def has_name_signs(data: bytes) -> bool:
    """Whether a JSON document may have a name of a secret, as a key or within its texts."""
    names = data.translate(None, _WITHOUT_AFTER_NAME).lower()
    options = b"--" in data and _OPTION_BYTES.search(data) is not None
    return any(name in names and (options or sign.search(names)) for name, sign in _BYTE_SIGNS)


def secrets_under_names(text: str) -> Iterator[tuple[int, int]]:
    """Where in `text` secrets stand under their names."""
    read_to, line = 0, _Line(text)
    for delimiter in _DELIMITER.finditer(text):
        position = delimiter.start()
        if position < read_to:
            continue
        before = text[max(0, position - _LONGEST_NAME) : position]
        name = _name_at_end(before.removesuffix("value" if delimiter[0] == "=" else "").rstrip(_CLOSING))
        value = None if name is None else _VALUE.match(text, position)
        if name is None or value is None:
            continue
        read_to = value.end()
        if value["quote"] is None and _normalized(name[0]) in _HEADERS:
            yield from line.header(_normalized(name[0]), value.start("bare"))
        elif _is_secret(name, value, text):
            yield value.span("bare" if value["quote"] is None else "quoted")
    for match in _OPTION.finditer(text) if "--" in text else ():
        if not _NO_SECRET.fullmatch(match["bare"]):
            yield match.span("bare")


class _Line:
    """The line of a header. Each is read once, however often names occur in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = self._secret_to = 0

    def header(self, name: str, start: int) -> Iterator[tuple[int, int]]:
        """Where the secret of a header stands, if it is one."""
        is_header = name == "authorization" and _SCHEME.match(self._text, start) is not None
        if start >= self._end:
            line = _LINE.match(self._text, start)
            self._end = start if line is None else line.end()
            is_header = is_header or _is_header(name, self._text[start : self._end].strip())
        if is_header and start >= self._secret_to:
            self._secret_to = self._end
            yield start, self._end


def _normalized(name: str) -> str:
    return name.translate(_WITHOUT_SEPARATORS).lower()


def _name_at_end(text: str) -> re.Match[str] | None:
    name = text.rstrip(_AFTER_NAME)
    normalized = _normalized(name[-_LONGEST_NAME:])
    return _NAME.search(name) if normalized.endswith(_ALL_NAMES) else None


def is_of_words(text: str) -> bool:
    """Whether a text that looks like a key consists of words only: `sk-learn-text-classifier`."""
    return all(_WORD.fullmatch(piece) for piece in _BETWEEN_WORDS.split(text))


def _is_secret(name: re.Match[str], value: re.Match[str], text: str) -> bool:
    if value["quote"] is not None:
        return bool(value["quoted"]) and not _is_piece_of_text(name, value, text)
    bare, after = value["bare"], text[value.end() : value.end() + 1]
    if _NO_SECRET.fullmatch(bare) or (after and after in "(["):  # a call or an index, of a program
        return False
    if text[value.start() - 1 : value.start()] in set("\"'") and bare.replace(".", "", 1).lstrip("-").isdigit():
        return False  # a number of JSON
    if value[0].startswith(">") and not text.startswith("</", value.end()):
        return False  # a comparison, not an element of XML
    return not name["ambiguous"] or not is_of_words(bare)


def _is_piece_of_text(name: re.Match[str], value: re.Match[str], text: str) -> bool:
    """Whether it is a `token` beside its log probability, not a secret."""
    after = text[value.end() : value.end() + 40].lstrip("\\\"' ,\n")
    return (name["ambiguous"] or "").lower() == "token" and after.startswith(("logprob", "bytes", "prob"))


def _is_header(name: str, line: str) -> bool:
    if name != "authorization":
        return "=" in line
    return not is_of_words(line) or len(line.split()) == 1
