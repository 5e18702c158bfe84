"""Writes tests/goldens/metrics/*.json: inputs and what scikit-learn makes of them.

Run: python tools/golden/metrics.py   (scikit-learn 1.9.1, scipy 1.17.1, torchmetrics for calibration)
A value is a number, the string "nan", or {"error": true}; `warned` says whether scikit-learn warned.
"""

import json
import math
import pathlib
import re
import warnings

import numpy as np
import scipy.stats
import sklearn
import sklearn.metrics as m
import torch
from sklearn.preprocessing import label_binarize
from torchmetrics.functional.classification import multiclass_calibration_error

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "metrics"


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, str):
        return value
    value = float(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf"
    return int(value) if value.is_integer() else value


def call(function, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            value = function(*args, **kwargs)
        except (ValueError, ZeroDivisionError):
            return {"error": True}
    caught = [w for w in caught if not issubclass(w.category, (RuntimeWarning, FutureWarning))
              and "A single label was found" not in str(w.message)]  # about the shape of the confusion matrix
    return {"value": plain(value), "warned": len(caught) > 0}


def report(*args, **kwargs):
    """scikit-learn 1.9.1 prints the support as a float where no row at all is right; a count is a count."""
    return re.sub(r"(\d+)\.0$", r"  \1", m.classification_report(*args, **kwargs), flags=re.MULTILINE)


AVERAGES = ("micro", "macro", "weighted")


def predictions_case(name, labels, predictions, classes=None):
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    out = {
        "accuracy": call(m.accuracy_score, labels, predictions),
        "balanced_accuracy": call(m.balanced_accuracy_score, labels, predictions),
        "mcc": call(m.matthews_corrcoef, labels, predictions),
        "report": call(report, labels, predictions, labels=classes),
        "report4": call(report, labels, predictions, labels=classes, digits=4, zero_division=1),
    }
    for weights in (None, "linear", "quadratic"):
        out[f"kappa_{weights}"] = call(m.cohen_kappa_score, labels, predictions, weights=weights, labels=classes)
    for normalize in (None, "true", "pred", "all"):
        out[f"confusion_{normalize}"] = call(
            m.confusion_matrix, labels, predictions, labels=classes, normalize=normalize)
    for function in ("precision", "recall", "f1"):
        for average in AVERAGES + ("binary",):
            for zero_division in ("warn", 1, math.nan):
                labels_argument = {} if average == "binary" else {"labels": classes}
                out[f"{function}_{average}_{plain(zero_division)}"] = call(
                    getattr(m, f"{function}_score"), labels, predictions,
                    average=average, zero_division=zero_division, **labels_argument)
    for beta in (0, 0.5, 2, math.inf):
        for average in AVERAGES:
            result = call(m.fbeta_score, labels, predictions, beta=beta, average=average, labels=classes)
            if beta in (0, math.inf):
                result.pop("warned", None)  # scikit-learn then warns of precision or recall, under their names
            out[f"fbeta_{plain(beta)}_{average}"] = result
    out["per_class"] = call(
        lambda: [v for v in m.precision_recall_fscore_support(labels, predictions, labels=classes)])
    return {"name": name, "labels": labels.tolist(), "predictions": predictions.tolist(), "classes": classes,
            "expected": out}


def binary_scores_case(name, labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    out = {
        "roc_auc": call(m.roc_auc_score, labels, scores),
        "average_precision": call(m.average_precision_score, labels, scores),
        "pr_curve": call(lambda: list(m.precision_recall_curve(labels, scores, pos_label=1))),
        "pr_curve_dropped": call(
            lambda: list(m.precision_recall_curve(labels, scores, pos_label=1, drop_intermediate=True))),
        "roc_curve": call(lambda: list(m.roc_curve(labels, scores, pos_label=1))),
        "roc_curve_full": call(lambda: list(m.roc_curve(labels, scores, pos_label=1, drop_intermediate=False))),
    }
    if scores.min() >= 0 and scores.max() <= 1:
        out["log_loss"] = call(m.log_loss, labels, scores, labels=[0, 1])
        both = np.stack([1 - scores, scores], axis=1)
        out["brier"] = call(m.brier_score_loss, labels, both, labels=[0, 1])
    return {"name": name, "labels": labels.tolist(), "scores": scores.tolist(), "expected": out}


def ece(labels, scores, bins=15):
    """Guo et al. 2017, equation 3, on bins (lower, upper]."""
    confidence, correct = scores.max(axis=1), scores.argmax(axis=1) == labels
    edges = np.array([i / bins for i in range(bins + 1)])
    total = 0.0
    for lower, upper in zip(edges[:-1], edges[1:]):
        inside = (confidence > lower) & (confidence <= upper)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def multiclass_scores_case(name, labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    classes = list(range(scores.shape[1]))
    one_hot = label_binarize(labels, classes=classes)
    out = {
        "log_loss": call(m.log_loss, labels, scores, labels=classes),
        "brier": call(m.brier_score_loss, labels, scores, labels=classes),
        "ece": call(ece, labels, scores),
        "ece_10": call(ece, labels, scores, bins=10),
    }
    for multi_class in ("ovr", "ovo"):
        for average in AVERAGES if multi_class == "ovr" else ("macro", "weighted"):
            out[f"roc_auc_{multi_class}_{average}"] = call(
                m.roc_auc_score, labels, scores, multi_class=multi_class, average=average, labels=classes)
    if len(set(labels)) == 1:
        # scikit-learn divides zero by zero: NaN with numpy's warning (macro), ZeroDivisionError (weighted)
        for average in ("macro", "weighted"):
            out[f"roc_auc_ovo_{average}"] = {"value": "nan", "warned": True}
    for average in AVERAGES:
        out[f"average_precision_{average}"] = call(m.average_precision_score, one_hot, scores, average=average)
    for k in (1, 2, 3):
        out[f"top_{k}"] = call(m.top_k_accuracy_score, labels, scores, k=k, labels=classes)
    if "random" in name:
        peer = multiclass_calibration_error(
            torch.tensor(scores), torch.tensor(labels), num_classes=len(classes), n_bins=15)
        assert abs(out["ece"]["value"] - float(peer)) < 1e-6, (out["ece"], peer)
    return {"name": name, "labels": labels.tolist(), "scores": scores.ravel().tolist(), "numClasses": len(classes),
            "expected": out}


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def short(scores):
    """Six digits keep the files small and make ties."""
    return np.round(scores, 6)


def write(name, payload):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps({"sklearn": sklearn.__version__, **payload}, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size)


def main():
    rng = np.random.default_rng(0)

    cases = []
    for index in range(24):
        n, c = int(rng.integers(2, 60)), int(rng.integers(2, 7))
        labels = rng.integers(0, c, n)
        predictions = np.where(rng.random(n) < 0.6, labels, rng.integers(0, c, n))
        cases.append(predictions_case(f"random {index}", labels, predictions))
    cases += [
        predictions_case("one row, right", [0], [0]),
        predictions_case("one row, right, positive", [1], [1]),
        predictions_case("one row, wrong", [0], [1]),
        predictions_case("one class alone, the negative", [0, 0, 0], [0, 0, 0]),
        predictions_case("one class alone, the positive", [1, 1, 1], [1, 1, 1]),
        predictions_case("no predicted positive", [0, 1, 1, 0], [0, 0, 0, 0]),
        predictions_case("no true positive", [0, 0, 0, 0], [0, 1, 1, 0]),
        predictions_case("always wrong", [0, 1, 0, 1], [1, 0, 1, 0]),
        predictions_case("two classes, none of them 1", [0, 2, 2, 0], [0, 2, 0, 0]),
        predictions_case("constant prediction", [0, 1, 2, 1, 2], [1, 1, 1, 1, 1]),
        predictions_case("predicted class without rows", [0, 1, 0, 1], [0, 2, 0, 1]),
        predictions_case("gaps in the ids", [3, 7, 3, 100], [3, 3, 7, 100]),
        predictions_case("ties of two decimals", [0] * 8 + [1] * 8, [0] * 1 + [1] * 7 + [1] * 3 + [0] * 5),
        predictions_case("subset of classes", [0, 1, 2, 2, 1, 0], [0, 2, 1, 2, 1, 1], classes=[0, 2]),
        predictions_case("classes in another order", [0, 1, 2, 2, 1, 0], [0, 2, 1, 2, 1, 1], classes=[2, 0, 1]),
        predictions_case("classes that do not occur", [0, 1, 1, 0], [0, 1, 0, 0], classes=[0, 1, 2, 3]),
        predictions_case("no label among the classes", [0, 1, 1, 0], [0, 1, 0, 2], classes=[2, 3]),
        predictions_case("no prediction among the classes", [0, 2, 1, 0], [0, 1, 0, 1], classes=[2, 3]),
    ]
    write("predictions", {"cases": cases})

    cases = []
    for index in range(12):
        n = int(rng.integers(2, 60))
        labels = rng.integers(0, 2, n)
        labels[:2] = [0, 1]
        scores = np.clip(rng.normal(0.35 + 0.3 * labels, 0.25), 0, 1)
        cases.append(binary_scores_case(f"random {index}", labels, short(scores)))
        cases.append(binary_scores_case(f"ties {index}", labels, np.round(scores, 1)))
        cases.append(binary_scores_case(f"margins {index}", labels, short(rng.normal(labels * 2.0, 2.0))))
    cases += [
        binary_scores_case("one row", [1], [0.3]),
        binary_scores_case("positives alone", [1, 1, 1], [0.3, 0.2, 0.3]),
        binary_scores_case("negatives alone", [0, 0, 0], [0.3, 0.2, 0.3]),
        binary_scores_case("all scores equal", [0, 1, 1, 0], [0.5] * 4),
        binary_scores_case("perfect", [0, 0, 1, 1], [0.0, 0.1, 0.9, 1.0]),
        binary_scores_case("inverted", [1, 1, 0, 0], [0.0, 0.1, 0.9, 1.0]),
        binary_scores_case("zero and minus zero", [1, 0, 1], [0.0, -0.0, 1.0]),
    ]
    write("binary-scores", {"cases": cases})

    cases = []
    for index in range(12):
        c = int(rng.integers(3, 7))
        n = int(rng.integers(c, 50))
        labels = np.concatenate([np.arange(c), rng.integers(0, c, n - c)])
        logits = rng.normal(0, 1, (n, c))
        logits[np.arange(n), labels] += 1
        cases.append(multiclass_scores_case(f"random {index}", labels, softmax(logits)))
        quarters = np.round(softmax(logits) * 4) / 4
        quarters[:, 0] += 1 - quarters.sum(axis=1)
        quarters = np.where((quarters < 0).any(axis=1, keepdims=True), np.eye(c)[labels], quarters)
        cases.append(multiclass_scores_case(f"ties {index}", labels, quarters))
    even = np.full((4, 3), 1 / 3)
    cases += [
        multiclass_scores_case("all scores equal", [0, 1, 2, 1], even),
        multiclass_scores_case("absent class", [0, 1, 1, 0], softmax(rng.normal(0, 1, (4, 3)))),
        multiclass_scores_case("one class alone", [1, 1, 1, 1], softmax(rng.normal(0, 1, (4, 3)))),
        multiclass_scores_case("one row", [2], softmax(rng.normal(0, 1, (1, 4)))),
        multiclass_scores_case("sure and wrong", [0, 1, 2], np.eye(3)[[1, 2, 0]]),
        multiclass_scores_case("sure and right", [0, 1, 2], np.eye(3)),
        multiclass_scores_case("rows that do not sum to 1", [0, 1, 2], np.full((3, 3), 0.2)),
        multiclass_scores_case("confidence on the edge of a bin", [0, 1, 2, 0],
                               [[0.6, 0.2, 0.2], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6], [0.8, 0.1, 0.1]]),
    ]
    write("multiclass-scores", {"cases": cases})

    # intervals of given bootstrap distributions, for the formulas of percentile and BCa
    cases = []
    for index, n in enumerate((8, 30, 60)):
        rows = rng.exponential(1.0, n) if index else rng.integers(0, 2, n).astype(float)
        samples = np.array([rng.choice(rows, n).mean() for _ in range(399)])
        for method in ("percentile", "BCa"):
            for confidence in (0.9, 0.95):
                given = scipy.stats.bootstrap((rows,), np.mean, n_resamples=1, method="percentile")
                given.bootstrap_distribution = samples
                result = scipy.stats.bootstrap((rows,), np.mean, n_resamples=0, bootstrap_result=given,
                                               method=method, confidence_level=confidence)
                interval = result.confidence_interval
                cases.append({"rows": rows.tolist(), "samples": samples.tolist(), "method": method.lower(),
                              "confidence": confidence, "low": interval.low, "high": interval.high,
                              "standardError": float(result.standard_error)})
    write("intervals", {"cases": cases})


main()
