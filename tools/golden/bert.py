"""Writes tests/goldens/models/bert: forward passes and gradients of transformers' BERT on tiny random
configs, and of MiniLM (real weights, named by the first argument: a model folder).

    python tools/golden/bert.py [MINILM_FOLDER]
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

ROOT = Path(__file__).resolve().parents[2] / "tests" / "goldens" / "models" / "bert"


def tiny(**changes):
    return BertConfig(
        **{
            "vocab_size": 61,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 24,
            "max_position_embeddings": 20,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "initializer_range": 0.3,
            **changes,
        }
    )


CASES = {
    "sequence": (BertForSequenceClassification, tiny(num_labels=3)),
    "sequence-gelu-new": (BertForSequenceClassification, tiny(num_labels=2, hidden_act="gelu_new", layer_norm_eps=1e-5)),
    "token": (BertForTokenClassification, tiny(num_labels=5)),
    "masked-lm": (BertForMaskedLM, tiny(hidden_act="relu")),
}


def tiny_case(name, model_class, config):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    model = model_class(config).eval()
    for parameter in model.parameters():  # biases and norms start at 0 and 1: move them
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    batch, seq = 3, 9
    ids = torch.randint(1, config.vocab_size, (batch, seq))
    mask = torch.ones(batch, seq, dtype=torch.long)
    mask[1, 6:] = 0
    mask[2, 3:] = 0
    types = (torch.arange(seq) > 4).long().expand(batch, seq).contiguous()
    logits = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
    seed = torch.randn_like(logits)
    logits.backward(seed)
    tensors = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types, "logits": logits.detach(), "seed": seed}
    for key, parameter in model.named_parameters():
        tensors[f"grad.{key}"] = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")


def minilm(folder):
    model = BertModel.from_pretrained(folder).eval()
    ids = torch.tensor([[101, 7592, 2088, 1010, 2023, 2003, 8040, 2239, 3401, 1012, 102], [101, 2489, 2769, 2085, 999, 102, 0, 0, 0, 0, 0]])
    mask = (ids != 0).long()
    out = model(input_ids=ids, attention_mask=mask)
    (out.pooler_output.sum() + out.last_hidden_state[:, 0].pow(2).sum()).backward()
    golden = {
        "input_ids": ids.tolist(),
        "attention_mask": mask.tolist(),
        "hidden": out.last_hidden_state[:, 0].tolist(),
        "pooled": out.pooler_output.tolist(),
        "gradient_norms": {name: parameter.grad.double().norm().item() for name, parameter in model.named_parameters()},
    }
    (ROOT / "minilm.json").write_text(json.dumps(golden) + "\n")


ROOT.mkdir(parents=True, exist_ok=True)
for case, (model_class, config) in CASES.items():
    tiny_case(case, model_class, config)
if len(sys.argv) > 1:
    minilm(sys.argv[1])
