"""Taking personal data and secrets out of many JSON values at once, of which most have nothing to take out.

RE2 looks at all of them in one pass, without Python's lock.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.redaction.patterns import CARD_SIGN, SECRET_ENDINGS
from eval_pipeline.redaction.redactor import Redactor

_TOKEN = "[A-Za-z0-9._~+/=-]"  # noqa: S105 - a class of characters
_SEPARATORS = "[-_ .]*"
_ENDINGS = "|".join(_SEPARATORS.join(ending) for ending in SECRET_ENDINGS)
_SIGNS = "|".join(
    [
        r"@|PRIVATE KEY|\\[u/]",
        rf"eyJ{_TOKEN}{{12}}",
        # What a token is said to be stands in one text with it, and no quotation mark between them.
        rf'(?:earer|EARER|asic )[^"]*{_TOKEN}{{16}}',
        # No word's beginning is asked for: before it may stand the letter of an escape, such as of a line's end.
        rf"(?:[spr]k[-_]|lsv2_|ls__|gh[pousr]_|github_pat_|glpat-|hf_|xox[abposr]-|AKIA|ASIA|AIza){_TOKEN}{{10}}",
        CARD_SIGN,
        rf'(?i:{_ENDINGS}){_SEPARATORS}"\s*:',
    ]
)


def redacted_jsons(many: Sequence[bytes], redactor: Redactor) -> list[bytes]:
    """Each as `Redactor.json` gives it.

    Raises:
        ValueError: one of them is not JSON.
    """
    if not redactor.enabled:
        return list(many)
    if redactor.own or redactor.phone_numbers:
        return [redactor.json(data) for data in many]
    # What one run gives another takes, and copies of shared spans say the same in every case.
    distinct = list(dict.fromkeys(many))
    signs = pc.match_substring_regex(pa.array(distinct, pa.large_binary()), _SIGNS).to_pylist()
    found = {data: redactor.json(data) for data, sign in zip(distinct, signs, strict=True) if sign}
    return [found.get(data, data) for data in many] if found else list(many)
