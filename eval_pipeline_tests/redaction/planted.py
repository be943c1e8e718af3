"""Secrets of every kind, written for tests: none of them was ever valid. Beginnings and ends stand apart, so that no
scanner takes this file for a leak."""

import html
import json
from collections.abc import Callable
from urllib.parse import quote

_HEX = "0123456789abcdef" * 5
_MIXED = "aB3dE6gH9kL2nP5rS8uV1xY4" * 6

KEYS = {
    "openai": "sk-" + "proj-" + _MIXED[:40],
    "anthropic": "sk-" + "ant-api03-" + _MIXED[:60],
    "stripe": "sk_" + "live_" + _MIXED[:24],
    "stripe webhook": "whsec" + "_" + _MIXED[:32],
    "langsmith": "lsv2" + "_pt_" + _HEX[:32] + "_" + _HEX[:10],
    "github": "ghp" + "_" + _MIXED[:36],
    "github fine-grained": "github" + "_pat_" + _MIXED[:22] + "_" + _MIXED[:59],
    "gitlab": "glpat" + "-" + _MIXED[:20],
    "gitlab deploy": "gldt" + "-" + _MIXED[:20],
    "hugging face": "hf" + "_" + "aBcDeFgHiJ" * 3 + "kLmN",
    "slack bot": "xoxb" + "-1234567890-" + _MIXED[:24],
    "slack app": "xapp" + "-1-A0123456789-1234567890123-" + _HEX[:64],
    "slack webhook": "https://hooks.slack" + ".com/services/T00000000/B00000000/" + _MIXED[:24],
    "discord webhook": "https://discord" + ".com/api/webhooks/123456789012345678/" + _MIXED[:68],
    "discord bot": "MTAx" + _MIXED[:20] + ".Gabcde." + _MIXED[:38],
    "aws id": "AKIA" + "Z7Q2M4X6B8N3K5P9",
    "aws secret": "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCY9kL2nP5rSx",
    "google": "AIza" + "Sy" + _MIXED[:33],
    "google oauth": "ya29" + "." + _MIXED[:60],
    "google client": "GOCSPX" + "-" + _MIXED[:28],
    "sendgrid": "SG" + "." + _MIXED[:22] + "." + _MIXED[:43],
    "npm": "npm" + "_" + _MIXED[:36],
    "pypi": "pypi" + "-AgEIcHlwaS5vcmc" + _MIXED[:70],
    "azure application": "abc" + "8Q~" + _MIXED[:34],
    "telegram": "123456789" + ":AA" + _MIXED[:33],
    "mailchimp": _HEX[:32] + "-us12",
    "twilio": "SK" + _HEX[:32],
    "digitalocean": "dop" + "_v1_" + _HEX[:64],
    "shopify": "shpat" + "_" + _HEX[:32],
    "databricks": "dapi" + _HEX[:32],
    "docker": "dckr" + "_pat_" + _MIXED[:27],
    "atlassian": "ATATT3" + _MIXED[:60],
    "vault": "hvs" + "." + _MIXED[:90],
    "new relic": "NRAK" + "-" + _MIXED[:27].upper(),
    "groq": "gsk" + "_" + _MIXED[:52],
    "xai": "xai" + "-" + _MIXED[:80],
    "perplexity": "pplx" + "-" + _MIXED[:48],
    "linear": "lin" + "_api_" + _MIXED[:40],
    "notion": "ntn" + "_" + "12345678901" + _MIXED[:35],
    "postman": "PMAK" + "-" + _HEX[:24] + "-" + _HEX[:34],
    "square": "EAAA" + _MIXED[:60],
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + _MIXED[:43],
}
"""Keys that show what they are by themselves, by whose they are."""

OTHERS = {
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA" + _MIXED + "\n-----END RSA PRIVATE KEY-----",
    "pgp key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF" + _MIXED + "\n-----END PGP PRIVATE KEY BLOCK-----",
    "bearer": "Bearer " + "Qw7eR3tY9uI1oP5aS8dF2gH6",
    "bearer after a tab": "Basic\t" + "dXNlcjpwYXNzd29yZDEy",
    "database": "postgresql://ann:" + "hunt3r-Tw0@db.example.com:5432/cases",
    "mail": "ann.smith@" + "mail.example.com",
    "card": "4111 1111" + " 1111 1111",
    "card in one piece": "55000000" + "00000004",
    "iban": "DE89 3704 0044" + " 0532 0130 00",
    "iban in one piece": "GB29NWBK" + "60161331926819",
}

UNDER_NAMES = {
    "password=": "password=" + "hunt3r-Tw0",
    "json": '"password": "' + 'hunt3r Tw0, and more"',
    "json, nested": json.dumps({"db": {"client_secret": "hunt3r" + '"Tw0'}}),
    "yaml": "db_password: " + "hunt3r-Tw0",
    "X-Api-Key": "X-Api-Key: " + "hunt3r-Tw0-x",
    "Authorization": "Authorization: Token " + "hunt3r-Tw0-x",
    "Cookie": "Cookie: theme=dark; session=" + "hunt3r-Tw0-x",
    "python": "api_key = '" + "hunt3r-Tw0-x'",
    "query": "https://example.com/?user=1&token=" + "hunt3r-Tw0-x&page=2",
    "aws": "aws_secret_access_key = " + "hunt3r/Tw0/x",
    "azure storage": "AccountName=a;AccountKey=" + "hunt3r+Tw0+x==;EndpointSuffix=core.windows.net",
    "ado": "Server=db;User Id=ann;Password=" + "hunt3r-Tw0;Encrypt=true",
    "xml": "<password>" + "hunt3r-Tw0</password>",
    "option": "login --password " + "hunt3r-Tw0 --user ann",
    "curl": "curl -u ann:" + "hunt3r-Tw0 https://example.com",
}
"""Secrets that only their name shows; each contains `hunt3r`, which must not remain."""

SECRETS = {**KEYS, **OTHERS}

POSITIONS: dict[str, Callable[[str], str]] = {
    "alone": lambda secret: secret,
    "in a sentence": lambda secret: f"the key is {secret}, keep it",
    "at the end": lambda secret: f"it is {secret}",
    "at the beginning": lambda secret: f"{secret} is it",
    "on its own line": lambda secret: f"key:\n{secret}\nend",
    "after a tab": lambda secret: f"key\t{secret}\tend",
    "quoted": lambda secret: f'key "{secret}" end',
    "assigned": lambda secret: f"X={secret};",
    "after an underscore": lambda secret: f"KEY_{secret}",
    "after a letter that is not ASCII": lambda secret: f"ü{secret}",
    "in brackets": lambda secret: f"[({secret})]",
    "after a colon": lambda secret: f"key:{secret}",
    "before a letter that is not ASCII": lambda secret: f"{secret}ü",
    "before a word": lambda secret: f"{secret} and",
    "before a quotation mark": lambda secret: f"'{secret}'",
    "after a return": lambda secret: f"a\r\n{secret}\r\n",
}


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" if ord(character) < 0x10000 else character for character in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "JSON": lambda text: json.dumps({"log": text}),
    "JSON with characters as they are": lambda text: json.dumps([text], ensure_ascii=False).replace("/", r"\/"),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "terminal codes": lambda text: f"\x1b[31m{text}\x1b[0m",
    "URL": quote,
    "HTML": html.escape,
    "every character escaped": _escaped,
}
