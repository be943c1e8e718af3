"""The kinds of secrets and personal data, in one table.

A change of what is redacted raises `VERSION`, which is part of the names of stored snapshots.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval_pipeline.redaction.secret_names import is_of_words

VERSION = 3
DONE = re.compile(r"\[redacted:[a-z0-9_]+\]")
SECRET = "[redacted:secret]"  # noqa: S105 - what replaces a secret

TOKEN = "[A-Za-z0-9._~+/=-]"  # noqa: S105 - the characters that keys and tokens are made of


def _always(match: str) -> bool:
    del match
    return True


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of secret or of personal data."""

    name: str
    """A match is replaced by `[redacted:<name>]`."""
    pattern: re.Pattern[str]
    """Takes time linear in the text: no two parts of it that repeat can match the same characters. A group `secret` is
    what is replaced, if not all of the match."""
    triggers: tuple[str, ...] = ()
    """Texts of which every match contains one."""
    shape: str = ""
    """Of kinds without triggers: an expression, for RE2 and Python, that matches every text with a match."""
    json_shape: str = ""
    """The same for JSON documents, where it is another."""
    token: str = ""
    """For kinds whose matches have a run of token characters, `SHORTEST_TOKEN` or more with the trigger: what follows
    the trigger in JSON without escapes, at least; for RE2."""
    in_one_piece: bool = False
    """Whether a match has `SHORTEST_TOKEN` characters or more without white space between them."""
    is_one: Callable[[str], bool] = _always
    """Whether a match is one, by a checksum."""
    like_words: bool = False
    """Whether ordinary words match too: "Basic responsibilities", "sk-learn-text-classifier"."""
    personal: bool = False
    """Whether it is personal data, which suite.yaml may hold, and not a secret."""

    @property
    def sign(self) -> str:
        """An expression for RE2 that matches every text with a trigger."""
        return f"(?:{'|'.join(map(re.escape, self.triggers))})" if self.triggers else self.shape


BASE64 = "[A-Za-z0-9+/]"
_API_KEYS: tuple[tuple[str, str, str], ...] = (
    # Whose key; how it starts, separated by spaces; what follows, at least ten characters of `TOKEN`.
    ("OpenAI, Anthropic, Stripe and others", "sk- sk_ pk- pk_ rk- rk_", "[A-Za-z0-9_-]{16,}"),
    ("LangSmith", "lsv2_", "[A-Za-z0-9_]{16,}"),
    ("LangSmith, older", "ls__", "[A-Za-z0-9]{16,}"),
    ("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9_]{20,}"),
    ("GitHub, fine-grained", "github_pat_", r"\w{20,}"),
    ("GitLab", "glpat- gldt- glrt- glft- glffct- glptt- glsoat- glcbt- glimt- glagent- gloas-", r"[\w.-]{16,}"),
    ("GitLab runners", "GR1348941", r"[\w-]{16,}"),
    ("GitLab sessions", "_gitlab_session=", "[A-Za-z0-9]{16,}"),
    ("Hugging Face", "hf_ api_org_", "[A-Za-z0-9]{20,}"),
    ("Slack", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe.xoxp- xoxe.xoxb- xapp-", "[A-Za-z0-9-]{10,}"),
    ("AWS", "AKIA ASIA ABIA ACCA", "[0-9A-Z]{16}(?![0-9A-Za-z])"),
    ("AWS Bedrock", "ABSK bedrock-api-key-", f"{BASE64}{{24,}}={{0,2}}"),
    ("Google", "AIza", r"[\w-]{30,}"),
    ("Google OAuth", "ya29. GOCSPX- 1//0", r"[\w.-]{20,}"),
    ("SendGrid", "SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("npm, RubyGems", "npm_ rubygems_", "[A-Za-z0-9]{30,}"),
    ("PyPI", "pypi-", r"[\w-]{40,}"),
    ("Stripe webhooks", "whsec_", f"{BASE64}{{20,}}={{0,2}}"),
    ("Square", "EAAA sq0atp- sq0csp- sq0idp-", r"[\w-]{22,}"),
    ("Facebook", "EAAC EAAM", "[A-Za-z0-9]{80,}"),
    ("Shopify", "shpat_ shpca_ shppa_ shpss_", "[A-Fa-f0-9]{32}"),
    ("Alibaba", "LTAI", "[A-Za-z0-9]{20,}"),
    ("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", "[a-f0-9]{40,}"),
    ("Databricks", "dapi", "[a-f0-9]{32}(?:-[0-9])?"),
    ("Docker", "dckr_pat_ dckr_oat_", r"[\w-]{20,}"),
    ("Atlassian", "ATATT3 ATCTT3 ATBB", r"[\w=-]{20,}"),
    ("HashiCorp Vault", "hvs. hvb. hvr.", r"[\w-]{24,}"),
    ("Terraform Cloud", ".atlasv1.", r"[\w=-]{40,}"),
    ("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.]{40,}"),
    ("Dynatrace", "dt0c01. dt0s01. dt0s16.", "[A-Za-z0-9]{24}[.][A-Za-z0-9]{64}"),
    ("Grafana", "glc_ glsa_ eyJrIjoi", rf"(?:{BASE64}|_){{32,}}={{0,3}}"),
    ("Sentry", "sntrys_ sntryu_", "[A-Za-z0-9+/=_]{40,}"),
    ("New Relic", "NRAK- NRII- NRJS- NRAA-", "[A-Za-z0-9-]{19,}"),
    ("Linear, Notion", "lin_api_ lin_oauth_ ntn_ secret_", "[A-Za-z0-9]{40,}"),
    ("Postman", "PMAK-", "[a-f0-9]{24}-[a-f0-9]{34}"),
    ("PlanetScale", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[\w=.-]{32,}"),
    ("Sendinblue", "xkeysib- xsmtpsib-", "[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("Heroku", "HRKU-", r"[\w-]{36,}"),
    ("Fly", "fo1_ fm1a_ fm1r_ fm2_", rf"(?:{BASE64}|[_-]){{40,}}={{0,3}}"),
    ("Groq, xAI, Perplexity, Replicate, Tavily, NVIDIA", "gsk_ xai- pplx- r8_ tvly- nvapi-", r"[\w-]{24,}"),
    ("1Password", "ops_eyJ", f"{BASE64}{{60,}}={{0,3}}"),
    ("1Password, secret key", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{5,11}-[A-Z0-9]{5}-[A-Z0-9-]{5,17}"),
    ("age", "AGE-SECRET-KEY-1", "[A-Z0-9]{58}"),
    ("Figma, Typeform, Prefect, Pulumi", "figd_ tfp_ pnu_ pul-", r"[\w-]{30,}"),
    ("Sonar, Sourcegraph, ReadMe", "squ_ sqp_ sqa_ sgp_ rdme_", "[a-z0-9_]{40,}"),
    ("Artifactory", "AKCp cmVmd", "[A-Za-z0-9]{55,}"),
    ("CircleCI, Buildkite, Contentful", "CCIPAT_ bkua_ CFPAT-", r"[\w-]{30,}"),
    ("Shippo, Duffel, EasyPost", "shippo_ duffel_ EZAK EZTK", r"[\w=-]{40,}"),
    ("Flutterwave, Frame.io", "FLWSECK_TEST- FLWSECK- fio-u-", r"[\w=-]{12,}"),
    ("Clojars, Octopus, OpenShift", "CLOJARS_ API- sha256~", r"[\w-]{26,}"),
    ("SettleMint", "sm_aat_ sm_pat_ sm_sat_", "[A-Za-z0-9]{16,}"),
    ("Mailgun, Infracost", "key- ico-", "[a-f0-9]{32}(?![a-f0-9])"),
    ("Twilio", "SK", "[0-9a-f]{32}(?![0-9a-f])"),
)
_WORD_LIKE = frozenset(
    [
        "sk-",
        "sk_",
        "pk-",
        "pk_",
        "rk-",
        "rk_",
        "hf_",
        "r8_",
        "API-",
        "A3-",
        "key-",
        "ico-",
        "pul-",
        "SK",
        "dapi",
        "secret_",
        "fio-u-",
        "xai-",
        "gsk_",
        "pnu_",
        "tfp_",
    ]
)
"""Starts that ordinary words end with: `task-`, `half_`."""


def _key_kind(starts: Sequence[str], rest: str) -> Kind:
    """The kind of a provider's keys. Python finds expressions fastest that start with plain characters."""
    forms = (re.escape(start) + f"(?<![A-Za-z0-9]{re.escape(start)})" * (start in _WORD_LIKE) for start in starts)
    return Kind(
        name="api_key",
        pattern=re.compile(f"(?:{'|'.join(forms)}){rest}", re.ASCII),
        triggers=tuple(starts),
        token=f"{TOKEN}{{10}}",
        in_one_piece=True,
        like_words=True,
    )


def _digits_are_right(match: str) -> bool:
    """Whether the check digit of a card's number (Luhn) is right."""
    digits = [int(character) for character in match if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - Luhn
    return not (sum(digits[-1::-2]) + sum(doubled)) % 10


_IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL FK SD", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN_LENGTH_OF = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries.split()}


def _is_iban(match: str) -> bool:
    """Whether the length fits the country, and the check digits the rest (remainder 1 modulo 97)."""
    iban = match.replace(" ", "").replace("-", "").upper()
    if _IBAN_LENGTH_OF.get(iban[:2]) != len(iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _is_aws_secret(match: str) -> bool:
    """Whether forty characters of base64 look drawn by chance: neither a hash in hexadecimal, nor a path or a name."""
    upper, lower, digits = (sum(map(test, match)) for test in (str.isupper, str.islower, str.isdigit))
    return min(upper, lower) > 4 and digits > 1 and not is_of_words(match)  # noqa: PLR2004 - 1 in 10^6 have fewer


CARD = re.compile(
    r"(?<![A-Za-z0-9])(?<![0-9][.-])(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![.-][0-9])"
    # A hash in hexadecimal goes on with letters and digits; a word may follow.
    r"(?![A-Za-z]{0,40}[0-9]|[a-f]{1,6}(?![A-Za-z]))"
)
"""The number of a payment card, in one piece or in the groups printed on cards. Any other groups would match tables of
numbers."""
AFTER_FIRST_DIGIT = "(?:[0-9]{12}|[0-9]{3}[ -](?:[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{6}[ -][0-9]{4}))"
CARD_SHAPE = f"[2-6]{AFTER_FIRST_DIGIT}"
IBAN_SHAPE = "[A-Z][A-Z][0-9][0-9][ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{4}"
AWS_SECRET_SHAPE = f"{BASE64}{{40}}"
PHONE = re.compile(r"(?<![\w.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}[ .-]\d{3,4}[ .-]?\d{3,4}(?![\w.-])")

KINDS = (
    Kind(
        name="private_key",
        pattern=re.compile(
            r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)? ?-{4,5}.*?"
            r"(?:-{4,5} ?END [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)? ?-{4,5}|\Z)"
            r"|PuTTY-User-Key-File-.*?(?:Private-MAC: *\w*|\Z)",
            re.DOTALL,
        ),
        triggers=("PRIVATE KEY", "PuTTY-User-Key-File-"),
    ),
    Kind(
        name="jwt",
        pattern=re.compile(
            # The first part, and whether two more follow, is looked at once for all the places where a token may start.
            r"(?<![\w-])(?=[\w-]++\.[\w-]{8,}+\.)[\w-]*?(?P<secret>eyJ(?=[\w-]{8})[\w-]++\.[\w-]++\.[\w-]*+)",
            re.ASCII,
        ),
        triggers=("eyJ",),
        in_one_piece=True,
        token=f"{TOKEN}{{12}}",
    ),
    Kind(
        name="bearer",
        pattern=re.compile(r"(?<![A-Za-z])(?:[Bb]earer|BEARER|[Bb]asic|BASIC)[\s:=+]+[A-Za-z0-9._~+/-]{16,}=*"),
        triggers=("earer", "EARER", "asic", "ASIC"),
        # White space may be escaped, and a quotation mark ends the text.
        token=f'[^"]*{TOKEN}{{16}}',
        like_words=True,
    ),
    *(_key_kind(starts.split(), rest) for _, starts, rest in _API_KEYS),
    Kind(
        name="api_key",  # of Mailchimp: its data centre stands at its end
        pattern=re.compile("(?<![A-Za-z0-9])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9])"),
        triggers=("-us",),
        in_one_piece=True,
    ),
    Kind(
        name="api_key",  # of Telegram's bots
        pattern=re.compile(r"(?<![A-Za-z0-9])[0-9]{5,16}:AA[\w-]{31,35}", re.ASCII),
        triggers=(":AA",),
        in_one_piece=True,
    ),
    Kind(
        name="api_key",  # of Azure's applications, and of Azure OpenAI and DevOps
        pattern=re.compile(
            r"[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}"
            r"|(?<![A-Za-z0-9])[A-Za-z0-9]{50,76}(?:JQQJ99|AZDO)[A-Za-z0-9]{4,32}"
        ),
        triggers=("Q~", "JQQJ99", "AZDO"),
        in_one_piece=True,
    ),
    Kind(
        name="api_key",  # of Discord's bots
        pattern=re.compile(r"(?<![A-Za-z0-9])[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,45}", re.ASCII),
        shape="[.][A-Za-z0-9_-]{6}[.][A-Za-z0-9_-]{27}",
        in_one_piece=True,
    ),
    Kind(
        name="api_key",  # AWS's secret keys
        pattern=re.compile(rf"(?<!{BASE64}){BASE64}{{40}}(?![A-Za-z0-9+/=])"),
        shape=AWS_SECRET_SHAPE,
        json_shape=rf"(?:^|[^A-Za-z0-9+/]|\\[bfnrt]){AWS_SECRET_SHAPE}(?:[^A-Za-z0-9+/=]|$)",
        is_one=_is_aws_secret,
        in_one_piece=True,
        like_words=True,
    ),
    Kind(
        name="webhook",
        pattern=re.compile(
            r"hooks\.slack(?:-gov)?\.com/(?P<secret>(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{16,})"
            r"|discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]+/[\w-]{20,}"
            r"|webhook\.office\.com/webhookb2/[\w@/-]{20,}"
        ),
        triggers=("hooks.slack", "/webhooks/", "webhook.office.com"),
        in_one_piece=True,
    ),
    Kind(
        name="url_password",
        pattern=re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+@"),
        triggers=("://",),
    ),
    Kind(
        name="secret",  # of curl's -u
        pattern=re.compile(r"\bcurl\b[^\n]{0,300}?[\s\"'](?:-u|--user)[\s=]+[\"']?[^\s:\"']*:(?P<secret>[^\s\"']+)"),
        triggers=("curl",),
    ),
    Kind(
        name="email",
        pattern=re.compile(r"[\w.%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![A-Za-z])"),
        triggers=("@",),
        personal=True,
    ),
    Kind(
        name="card",
        pattern=CARD,
        shape=CARD_SHAPE,
        json_shape=rf"(?:^|[^0-9A-Za-z.-]|[^0-9][.-]|\\[bfnrt]){CARD_SHAPE}",
        is_one=_digits_are_right,
        personal=True,
    ),
    Kind(
        name="iban",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}"
            r"(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
        ),
        shape=IBAN_SHAPE,
        is_one=_is_iban,
        personal=True,
    ),
)
PERSONAL = frozenset({"phone", *(kind.name for kind in KINDS if kind.personal)})
SHORTEST_TOKEN = 15
"""The characters of the shortest token with its trigger."""
SHORTEST_MATCH = 13
"""Characters: the digits of a card. Matches of all other kinds are longer, or contain an `@` or a secret's name."""


def secret_in(text: str) -> str | None:
    """The kind of the secret in `text`; None without one, and where only words match (`sk-learn-models`).

    It decides what is refused, which is worse than redacting too much: hence the exception for words. E-mail addresses
    and other personal data are not secrets.
    """
    for kind in KINDS:
        if not kind.personal and any(_is_secret(kind, match[0]) for match in kind.pattern.finditer(text)):
            return kind.name
    return None


def _is_secret(kind: Kind, match: str) -> bool:
    return kind.is_one(match) and not (kind.like_words and is_of_words(match))
