"""Writes tests/goldens/torch/model-flops.json: what FlopCounterMode counts of small models, by module and in all.

Run: python tools/golden/flops.py   (torch 2.13.0, transformers 5.23.0, tabulate 0.9.0)
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

GOLDENS = Path(__file__).resolve().parents[2] / "tests" / "goldens"
torch.manual_seed(0)


def bert(dropout):
    config = BertConfig.from_pretrained(
        GOLDENS / "models" / "bert" / "sequence",
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[1, 5:] = 0
    ids = torch.randint(1, config.vocab_size, (3, 9))
    return BertForSequenceClassification(config), lambda model: model(input_ids=ids, attention_mask=mask).logits


def resnet(name):
    config = ResNetConfig.from_pretrained(GOLDENS / "models" / "resnet" / name)
    pixels = torch.randn(2, config.num_channels, 32, 32)
    return ResNetForImageClassification(config), lambda model: model(pixels).logits


def vit():
    config = ViTConfig.from_pretrained(GOLDENS / "models" / "vit" / "square")
    pixels = torch.randn(2, config.num_channels, 16, 16)
    return ViTForImageClassification(config), lambda model: model(pixels).logits


def mlp():
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Sequential(nn.Linear(30, 30), nn.Tanh()), nn.Linear(30, 4))
    x = torch.randn(7, 20)
    return model, lambda model: model(x)


def counts(counter):
    return {name: sum(by_operator.values()) for name, by_operator in sorted(counter.get_flop_counts().items())}


def case(model, forward):
    model.train()
    with FlopCounterMode(display=False) as counter:
        forward(model)
    with FlopCounterMode(display=False, depth=3) as both:
        forward(model).sum().backward()
    return {"forward": counts(counter), "total": both.get_total_flops(), "both": counts(both), "table": both.get_table()}


golden = {
    "bert": case(*bert(0.0)),
    "bert-dropout": case(*bert(0.1)),
    "resnet/basic": case(*resnet("basic")),
    "resnet/bottleneck": case(*resnet("bottleneck")),
    "vit": case(*vit()),
    "mlp": case(*mlp()),
}
for name in golden:
    if name != "mlp":  # what transformers passes by keyword, the backward attribution of PyTorch does not see
        del golden[name]["both"], golden[name]["table"]
(GOLDENS / "torch" / "model-flops.json").write_text(json.dumps(golden, indent=1) + "\n")
