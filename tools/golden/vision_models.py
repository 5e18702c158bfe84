"""Writes tests/goldens/models/resnet and tests/goldens/models/vit: forward passes in eval mode, gradients of a loss in
train mode, and the batch statistics that it leaves, of transformers' models on tiny random configs.

    python tools/golden/vision_models.py
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

ROOT = Path(__file__).resolve().parents[2] / "tests" / "goldens" / "models"


def resnet(**changes):
    return ResNetConfig(**{"embedding_size": 4, "hidden_sizes": [8, 12], "depths": [1, 2], "num_labels": 3, **changes})


def vit(**changes):
    return ViTConfig(
        **{
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 24,
            "image_size": 16,
            "patch_size": 8,
            "initializer_range": 0.3,
            "num_labels": 3,
            **changes,
        }
    )


CASES = {
    "resnet/bottleneck": (ResNetForImageClassification, resnet()),
    "resnet/basic": (ResNetForImageClassification, resnet(layer_type="basic", downsample_in_first_stage=True, hidden_act="gelu", num_channels=1)),
    "resnet/bottleneck-stride-first": (ResNetForImageClassification, resnet(downsample_in_bottleneck=True, num_labels=2)),
    "resnet/bare": (ResNetModel, resnet()),
    "vit/square": (ViTForImageClassification, vit()),
    "vit/wide": (ViTForImageClassification, vit(image_size=[16, 24], patch_size=[8, 4], qkv_bias=False, hidden_act="relu", num_channels=1, layer_norm_eps=1e-5)),
    "vit/bare": (ViTModel, vit(pooler_output_size=6)),
}


def output(model, pixels):
    out = model(pixel_values=pixels)
    return out.logits if hasattr(out, "logits") else out.pooler_output.flatten(1)


def case(name, model_class, config):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    model = model_class(config).eval()
    for tensor in [*model.parameters(), *model.buffers()]:  # biases, norms and statistics start at 0 and 1: move them
        if tensor.is_floating_point():
            tensor.data += 0.1 * torch.rand_like(tensor)
    model.save_pretrained(folder)
    size = getattr(config, "image_size", 32)
    height, width = size if isinstance(size, list) else (size, size)
    pixels = torch.randn(3, config.num_channels, height, width)
    labels = torch.tensor([0, 1, 1])
    tensors = {"pixels": pixels, "labels": labels, "eval": output(model, pixels).detach()}
    loss = torch.nn.functional.cross_entropy(output(model.train(), pixels), labels)
    loss.backward()
    tensors["loss"] = loss.detach()
    for key, parameter in model.named_parameters():
        tensors[f"grad.{key}"] = parameter.grad
    for key, buffer in model.named_buffers():
        tensors[f"buffer.{key}"] = buffer
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")


for case_name, (model_class, config) in CASES.items():
    case(case_name, model_class, config)
