"""Writes tests/goldens/data/split.json: what scikit-learn makes of class counts, for splits and class weights.

Run: python tools/golden/data_split.py
"""

import json
import pathlib
import random

import numpy
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight


def held_out_counts(counts, ratio, seed):
    labels = numpy.repeat(numpy.arange(len(counts)), counts)
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=ratio, random_state=seed)
    _, held_out = next(splitter.split(labels, labels))
    return numpy.bincount(labels[held_out], minlength=len(counts)).tolist()


def main():
    generator = random.Random(5)
    splits = []
    while len(splits) < 40:
        counts = [generator.randrange(2, 200) for _ in range(generator.randrange(2, 12))]
        ratio = generator.choice([0.1, 0.2, 0.25, 0.33, 0.5, 0.7])
        draws = {tuple(held_out_counts(counts, ratio, seed)) for seed in range(8)}
        if len(draws) == 1:  # equal remainders are drawn by lot: only cases without them have one answer
            splits.append({"counts": counts, "ratio": ratio, "held_out": list(draws.pop())})
    weights = []
    for counts in [[90, 10], [3, 1, 7], [5, 5], [1, 1000]]:
        labels = numpy.repeat(numpy.arange(len(counts)), counts)
        balanced = compute_class_weight("balanced", classes=numpy.arange(len(counts)), y=labels)
        weights.append({"counts": counts, "balanced": balanced.tolist()})
    target = pathlib.Path(__file__).parents[2] / "tests/goldens/data/split.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"splits": splits, "weights": weights}, separators=(",", ":")) + "\n")


main()
