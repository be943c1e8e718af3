"""Analysis of the results of an experiment: summary, comparison with a baseline, gates, trend, report.

case_values.py, slices.py    numbers of rows by case; the cases of a slice
summary.py                   pass rate, scores, latency, cost, repetitions, slices
comparison/                  differences between two experiments, preferences of a judge
gates/                       whether the experiment meets its thresholds
baseline.py, trend.py        the experiment to compare with; one document an experiment for trends
verdict.py                   all of these together, stored as `summary.json`
agreement/                   how far assertions and judges agree with people
statistics/                  intervals, p-values, agreement: numbers in, numbers out
report/                      the HTML report
results_frame.py             results as a pandas table
"""
