"""What the statistics mean, in one sentence each, for the report and the terminal."""

INTERVAL = (
    "The 95 % interval holds the true value, that of endlessly many cases like these, in 95 of 100 experiments; more "
    "cases make it shorter."
)
DIFFERENCE = (
    "p is the probability that chance alone makes a difference at least as large, if nothing changed; an interval that "
    "holds zero leaves open whether anything did."
)
ADJUSTED = "The adjusted p is larger, as some of many metrics and slices differ by chance; below 0.05 is significant."
DETECTABLE = "A smaller true drop than the detectable one would often look like chance with this many cases."
GATES = (
    "Regression gates are tests that share one probability of a false alarm (gates.level); thresholds are compared "
    "with what was observed, and their messages say how often chance decides."
)
REPETITIONS = (
    "pass@k is the probability that at least one of k attempts at a case passes, and pass^k that all k do: how good "
    "the target can be, and how reliable it is."
)
FLAKINESS = "A flaky case passes in one attempt and fails in another, though nothing changed."
SLICES = "A slice is a part of the cases; the fewer it has, the longer its interval."
SCORES = "The mean score of each metric over the cases; a case counts once, with the mean over its attempts."
LABELS = "The share of attempts with a label, over the cases. Labels decide nothing; gates on their shares do."
NUMBERS = (
    "Metrics without bounds: the mean is over the cases, median and percentiles are those of the attempts. Attempts "
    "that ended in an error are left out."
)
TREND = "Experiments whose intervals overlap may differ by chance only."
PREFERENCE = "The share is that of the new answers, a tie counts half, and one half means that neither is preferred."

ALL = {name.lower(): text for name, text in globals().items() if name.isupper() and isinstance(text, str)}
"""By lower-case name, for templates."""
