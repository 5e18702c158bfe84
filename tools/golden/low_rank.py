"""Writes tests/goldens/torch/low-rank.json: factorizations and eigenpairs of large matrices.

Run: python tools/golden/low_rank.py   (torch 2.13.0)
"""

import json
import pathlib

import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def plain(value):
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value.tolist()


def seeded(run):
    torch.manual_seed(3)
    return plain(run())


torch.manual_seed(0)
low = torch.randn(7, 2) @ torch.randn(2, 5)
batch = torch.randn(2, 4, 6)
root = torch.randn(12, 12)
matrix = root @ root.mT + torch.diag(torch.arange(12.0))
other = torch.diag(torch.linspace(1, 2, 12)) + 0.1
start = torch.randn(12, 3)
grad_e, grad_x = torch.randn(2), torch.randn(12, 2)
pair = torch.stack([matrix, matrix.flip(0, 1) + torch.eye(12)])


def gradient():
    a = matrix.clone().requires_grad_()
    values, vectors = torch.lobpcg(a, k=2, X=start, tol=1e-12)
    (values * grad_e).sum().add((vectors * grad_x * vectors[:1].sign()).sum()).backward()
    return a.grad


def signed(pairs):
    """Eigenvectors with a positive first element, as their sign is left open."""
    values, vectors = pairs
    return values, vectors * vectors[..., :1, :].sign()


def tracked():
    """How many pairs have converged after each iteration."""
    counts = []
    torch.lobpcg(matrix, k=2, X=start, tracker=lambda worker: counts.append(torch.tensor(worker.ivars["converged_count"])))
    return counts


golden = {
    "inputs": {
        name: value.tolist()
        for name, value in {
            "low": low, "batch": batch, "matrix": matrix, "other": other, "start": start, "grad_e": grad_e, "grad_x": grad_x, "pair": pair,
        }.items()
    },
    "svd": seeded(lambda: torch.svd_lowrank(low, q=3)),
    "svd wide": seeded(lambda: torch.svd_lowrank(batch, q=3, niter=1)),
    "svd shifted": seeded(lambda: torch.svd_lowrank(low, q=2, M=low.mean(0, keepdim=True))),
    "svd sparse": seeded(lambda: torch.svd_lowrank(low.to_sparse(), q=2)),
    "pca": seeded(lambda: torch.pca_lowrank(low)),
    "pca uncentered": seeded(lambda: torch.pca_lowrank(batch, q=2, center=False, niter=0)),
    "pca sparse": seeded(lambda: torch.pca_lowrank(low.to_sparse(), q=2)),
    "lu": plain(batch.lu()),
    "lu infos": plain(torch.zeros(2, 2).lu(get_infos=True)),
    "ortho": plain(signed(torch.lobpcg(matrix, k=2, X=start, tol=1e-12))),
    "smallest": plain(signed(torch.lobpcg(matrix, k=2, X=start, largest=False, tol=1e-12))),
    "basic": plain(signed(torch.lobpcg(matrix, k=2, X=start.clone(), method="basic", tol=1e-9))),
    "generalized": plain(signed(torch.lobpcg(matrix, k=2, B=other, X=start, tol=1e-12))),
    "preconditioned": plain(signed(torch.lobpcg(matrix, k=2, X=start.clone(), iK=matrix.inverse(), largest=False, method="basic", tol=1e-9))),
    "sparse": plain(signed(torch.lobpcg(matrix.to_sparse(), k=1, X=start, tol=1e-12))),
    "random": seeded(lambda: signed(torch.lobpcg(matrix, k=2, n=4, tol=1e-12))),
    "few iterations": plain(signed(torch.lobpcg(matrix, k=3, X=start, niter=3))),
    "few basic iterations": plain(signed(torch.lobpcg(matrix, k=3, X=start.clone(), niter=3, method="basic"))),
    "batch": plain(signed(torch.lobpcg(pair, k=2, X=torch.stack([start, start]), tol=1e-12))),
    "converged": plain(tracked()),
    "gradient": plain(gradient()),
}
(OUT / "low-rank.json").write_text(json.dumps(golden) + "\n")
