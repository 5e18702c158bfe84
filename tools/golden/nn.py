"""Writes tests/goldens/nn/layers.{json,safetensors}: layers, losses and functions of torch.nn that a table describes.

Run: python tools/golden/nn.py   (torch 2.13.0)

The table has for each case the positional arguments, the options in camelCase ("@key" is a tensor of the other file),
and the options of the layer's forward.
"""

import math
import re

import torch
from layer_golden import LayerGolden
from torch import nn

golden = LayerGolden("layers")
draws = torch.Generator().manual_seed(3)


def randn(*shape):
    return torch.randn(*shape, generator=draws)


def rand(*shape):
    return torch.rand(*shape, generator=draws)


def randint(high, *shape):
    return torch.randint(0, high, shape, generator=draws)


def constant(tensor):
    """Marks an input without gradient."""
    tensor.is_constant = True
    return tensor


def signs(*shape):
    return constant(randint(2, *shape) * 2.0 - 1)


def camel(name):
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda m: m[1].upper(), name)


def plain(key, value):
    """Returns an argument as JSON; a tensor goes to the other file."""
    if isinstance(value, torch.Tensor):
        golden.add("", {key: value})
        return f"@{key}"
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return [plain(f"{key}.{i}", v) for i, v in enumerate(value)] if isinstance(value, (list, tuple)) else value


def case(target, args=(), inputs=(), call=None, label="", **options):
    """One layer (or, with a name that starts in lower case, one function) on `inputs`."""
    is_layer = target[0].isupper()
    name = f"{'' if is_layer else 'F_'}{target}{'_' + label if label else ''}"
    how = {"args": [plain(f"{name}.arg{i}", a) for i, a in enumerate(args)],
           "options": {camel(k): plain(f"{name}.opt.{k}", v) for k, v in options.items()}}
    if not is_layer:
        function = getattr(nn.functional, target)
        golden.run({"name": name, "target": camel(target), **how}, lambda *given: function(*given, *args, **options), inputs)
        return
    if call:
        how["call"] = {camel(k): v for k, v in call.items()}
    golden.layer(name, lambda: getattr(nn, target)(*args, **options), inputs,
                 lambda layer, *given: layer(*given, **(call or {})), how)


# ---- linear
case("Linear", (4, 3), [randn(2, 3, 4)])
case("Linear", (4, 3), [randn(2, 4)], label="no_bias", bias=False)
case("Bilinear", (3, 2, 4), [randn(5, 3), randn(5, 2)])
case("Identity", (), [randn(2)])

# ---- convolutions
image, line, volume = (2, 4, 6, 5), (2, 4, 9), (1, 2, 4, 5, 4)
case("Conv1d", (4, 6, 3), [randn(*line)])
case("Conv1d", (4, 6, 3), [randn(*line)], label="options", stride=2, padding=2, dilation=2, groups=2, bias=False)
case("Conv1d", (4, 2, 4), [randn(*line)], label="same", padding="same")
case("Conv1d", (4, 2, 4), [randn(*line)], label="circular", padding="same", padding_mode="circular")
case("Conv2d", (4, 6, 3), [randn(*image)], stride=2, padding=1)
case("Conv2d", (4, 4, (3, 2)), [randn(*image)], label="groups", stride=(1, 2), padding=(2, 0), dilation=(2, 1), groups=4)
case("Conv2d", (4, 2, 3), [randn(4, 6, 5)], label="item", padding="valid")
case("Conv2d", (4, 2, 3), [randn(*image)], label="reflect", padding=1, padding_mode="reflect")
case("Conv2d", (4, 2, (2, 3)), [randn(*image)], label="replicate", padding="same", padding_mode="replicate")
case("Conv3d", (2, 3, 2), [randn(*volume)])
case("Conv3d", (2, 2, (2, 3, 2)), [randn(*volume)], label="options", stride=(1, 2, 1), padding=(0, 1, 0), groups=2)
case("Conv3d", (2, 2, 3), [randn(*volume)], label="circular", padding=1, padding_mode="circular")
case("ConvTranspose1d", (4, 3, 3), [randn(*line)], stride=2, padding=1, output_padding=1)
case("ConvTranspose1d", (4, 6, 3), [randn(4, 5)], label="groups", groups=2, dilation=2, bias=False)
case("ConvTranspose2d", (4, 3, 2), [randn(*image)], stride=2)
case("ConvTranspose2d", (4, 2, 3), [randn(*image)], {"output_size": (12, 10)}, "output_size", stride=2, padding=1)
case("ConvTranspose3d", (2, 3, 2), [randn(*volume)], stride=(1, 2, 1))

# ---- pooling
case("MaxPool1d", (3,), [randn(*line)])
case("MaxPool1d", (3,), [randn(*line)], label="indices", stride=2, padding=1, return_indices=True)
case("MaxPool2d", (2,), [randn(*image)])
case("MaxPool2d", ((3, 2),), [randn(*image)], label="options", stride=1, padding=(1, 0), dilation=(2, 1), ceil_mode=True)
case("MaxPool2d", (2,), [randn(*image)], label="indices", return_indices=True)
case("MaxPool3d", (2,), [randn(*volume)], stride=1)
case("MaxPool3d", (2,), [randn(*volume)], label="indices", return_indices=True)
case("AvgPool1d", (3,), [randn(*line)], stride=2, padding=1)
case("AvgPool2d", (2,), [randn(*image)])
case("AvgPool2d", ((3, 2),), [randn(*image)], label="options", stride=2, padding=1, ceil_mode=True, count_include_pad=False)
case("AvgPool2d", (2,), [randn(*image)], label="divisor", divisor_override=3)
case("AvgPool3d", (2,), [randn(*volume)], stride=(2, 1, 2))
case("LPPool1d", (2, 3), [randn(*line)])
case("LPPool2d", (3, 2), [rand(*image)], stride=1, ceil_mode=True)
case("LPPool3d", (2, 2), [randn(*volume)])
case("LPPool2d", (math.inf, 2), [randn(*image)], label="inf")
pooled = nn.functional.max_pool1d(randn(2, 3, 8), 2, return_indices=True)
case("MaxUnpool1d", (2,), pooled)
case("MaxUnpool1d", (2,), pooled, {"output_size": (9,)}, "output_size")
pooled = nn.functional.max_pool2d(randn(1, 2, 6, 4), 2, return_indices=True)
case("MaxUnpool2d", (2,), pooled)
case("MaxUnpool2d", ((2, 2),), pooled, {"output_size": (1, 2, 7, 5)}, "output_size", stride=2)
case("MaxUnpool3d", (2,), nn.functional.max_pool3d(randn(1, 1, 4, 4, 2), 2, return_indices=True))
case("FractionalMaxPool2d", (2,), [randn(1, 2, 7, 7)], output_size=(3, 4))
case("FractionalMaxPool2d", (2,), [randn(1, 2, 7, 7)], label="ratio", output_ratio=(0.5, 0.6), return_indices=True)
case("FractionalMaxPool3d", (2,), [randn(2, 6, 6, 6)], output_size=2)
case("AdaptiveAvgPool1d", (4,), [randn(*line)])
case("AdaptiveAvgPool2d", ((3, 2),), [randn(*image)])
case("AdaptiveAvgPool2d", ((None, 2),), [randn(*image)], label="null")
case("AdaptiveAvgPool3d", (2,), [randn(*volume)])
case("AdaptiveMaxPool1d", (4,), [randn(*line)])
case("AdaptiveMaxPool2d", (3,), [randn(*image)])
case("AdaptiveMaxPool2d", ((2, None),), [randn(*image)], label="indices", return_indices=True)
case("AdaptiveMaxPool3d", ((2, 3, 2),), [randn(*volume)])

# ---- padding
for d, shape in [(1, (1, 2, 4)), (2, (1, 2, 4, 3)), (3, (1, 1, 3, 3, 4))]:
    sides = (1, 2, 2, 1, 0, 1)[: 2 * d]
    for kind in ["ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad"]:
        case(f"{kind}{d}d", (sides,), [randn(*shape)])
    case(f"ConstantPad{d}d", (sides, 3.5), [randn(*shape)])
case("ZeroPad2d", (-1,), [randn(1, 1, 4, 4)], label="negative")
case("ReflectionPad2d", (2,), [randn(2, 3, 4)], label="item")
case("CircularPad1d", (1,), [randn(2, 4)], label="item")

# ---- normalisation
case("BatchNorm1d", (3,), [randn(5, 3)])
case("BatchNorm1d", (3,), [randn(2, 3, 4)], label="plain", affine=False, eps=1e-3)
case("BatchNorm2d", (4,), [randn(*image)], momentum=0.3)
case("BatchNorm2d", (4,), [randn(*image)], label="average", momentum=None, bias=False)
case("BatchNorm2d", (4,), [randn(*image)], label="untracked", track_running_stats=False)
case("BatchNorm3d", (2,), [randn(*volume)])
case("InstanceNorm1d", (4,), [randn(*line)])
case("InstanceNorm2d", (4,), [randn(*image)], affine=True, track_running_stats=True)
case("InstanceNorm2d", (4,), [randn(4, 3, 3)], label="item", momentum=0.2)
case("InstanceNorm3d", (2,), [randn(*volume)], affine=True)
case("GroupNorm", (2, 4), [randn(*image)])
case("GroupNorm", (1, 4), [randn(*line)], label="plain", affine=False, eps=1e-3)
case("LayerNorm", (4,), [randn(2, 3, 4)], eps=1e-3)
case("LayerNorm", ((3, 4),), [randn(2, 3, 4)], label="two", bias=False)
case("LayerNorm", (4,), [randn(2, 4)], label="plain", elementwise_affine=False)
case("RMSNorm", (4,), [randn(2, 3, 4)])
case("RMSNorm", ((3, 4),), [randn(2, 3, 4)], label="options", eps=1e-3, elementwise_affine=False)
case("LocalResponseNorm", (3,), [randn(*image)], alpha=0.5)
case("LocalResponseNorm", (2,), [randn(*line)], label="line", beta=0.5, k=2.0)

# ---- activations
x = torch.cat([randn(20) * 3, torch.tensor([0.0])]).reshape(3, 7)
for name in ["ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Sigmoid", "LogSigmoid", "Tanh",
             "Tanhshrink", "Softsign", "ELU", "CELU", "LeakyReLU", "Hardtanh", "GELU", "Softplus", "Hardshrink",
             "Softshrink", "PReLU", "RReLU"]:
    case(name, (), [x])
case("ELU", (0.5,), [x], label="alpha")
case("CELU", (2.0,), [x], label="alpha")
case("LeakyReLU", (0.2,), [x], label="slope")
case("Hardtanh", (-2.0, 0.5), [x], label="limits")
case("RReLU", (0.2, 0.5), [x], label="limits")
case("Threshold", (0.5, -2.0), [x])
case("GELU", (), [x], label="tanh", approximate="tanh")
case("Softplus", (2.0, 3.0), [x], label="options")
case("Hardshrink", (1.0,), [x], label="lambd")
case("Softshrink", (1.0,), [x], label="lambd")
case("PReLU", (3,), [randn(2, 3, 4)], label="channels", init=0.1)
for name in ["Softmax", "Softmin", "LogSoftmax"]:
    case(name, (-1,), [x])
case("GLU", (), [randn(2, 6)])
case("GLU", (0,), [randn(4, 3)], label="dim")
case("Softmax2d", (), [randn(1, 3, 2, 2)])

# ---- dropout
for name, shape in [("Dropout", (6, 5)), ("Dropout1d", (3, 4, 2)), ("Dropout2d", (2, 4, 2, 2)), ("Dropout3d", (4, 2, 2, 2)),
                    ("AlphaDropout", (6, 5)), ("FeatureAlphaDropout", (2, 5, 3))]:
    case(name, (0.4,), [randn(*shape)])

# ---- shapes
case("Flatten", (), [randn(2, 3, 2)])
case("Flatten", (0, 1), [randn(2, 3, 2)], label="dims")
case("Unflatten", (1, (2, 3)), [randn(2, 6)])
case("Unfold", (2,), [randn(1, 2, 4, 3)])
case("Unfold", ((2, 1),), [randn(1, 2, 4, 3)], label="options", dilation=2, padding=(1, 0), stride=(2, 1))
case("Fold", ((4, 3), 2), [randn(1, 8, 6)])
case("Fold", ((4, 5), (2, 2)), [randn(1, 8, 9)], label="options", padding=1, stride=2)
case("PixelShuffle", (2,), [randn(1, 8, 2, 3)])
case("PixelUnshuffle", (2,), [randn(1, 2, 4, 6)])
case("ChannelShuffle", (2,), [randn(1, 4, 3)])
case("Upsample", (), [randn(1, 2, 3)], scale_factor=2)
case("Upsample", (), [randn(1, 2, 3, 4)], label="bilinear", size=(5, 6), mode="bilinear", align_corners=True)
case("UpsamplingNearest2d", (), [randn(1, 2, 3, 4)], scale_factor=2)
case("UpsamplingBilinear2d", (), [randn(1, 2, 3, 4)], size=(4, 7))
case("CosineSimilarity", (), [randn(3, 4), randn(3, 4)])
case("CosineSimilarity", (), [randn(3, 4), randn(3, 4)], label="dim", dim=0, eps=0.1)
case("PairwiseDistance", (), [randn(3, 4), randn(3, 4)])
case("PairwiseDistance", (), [randn(3, 4), randn(3, 4)], label="options", p=1, keepdim=True)

# ---- losses
a, b, c = randn(4, 3), randn(4, 3), randn(4, 3)
classes = torch.tensor([0, 2, 1, 1])
weight3 = torch.tensor([1.0, 2.0, 0.5])
for reduction in ["mean", "sum", "none"]:
    options = {"reduction": reduction}
    case("L1Loss", (), [a, b], label=reduction, **options)
    case("MSELoss", (), [a, b], label=reduction, **options)
    case("SmoothL1Loss", (), [a, b], label=reduction, beta=0.5, **options)
    case("HuberLoss", (), [a, b], label=reduction, delta=0.5, **options)
    case("KLDivLoss", (), [a.log_softmax(1), b.softmax(1)], label=reduction, **options)
    case("BCELoss", (), [a.sigmoid(), b.sigmoid()], label=reduction, weight=weight3, **options)
    case("BCEWithLogitsLoss", (), [a, b.sigmoid()], label=reduction, weight=weight3, pos_weight=weight3 + 1, **options)
    case("CrossEntropyLoss", (), [a, classes], label=reduction, weight=weight3, label_smoothing=0.1, **options)
    case("NLLLoss", (), [a.log_softmax(1), classes], label=reduction, weight=weight3, ignore_index=2, **options)
    case("PoissonNLLLoss", (), [a, b.abs()], label=reduction, full=True, **options)
    case("GaussianNLLLoss", (), [a, b, rand(4, 3)], label=reduction, **options)
    case("SoftMarginLoss", (), [a, signs(4, 3)], label=reduction, **options)
    case("MultiMarginLoss", (), [a, classes], label=reduction, p=2, margin=0.5, weight=weight3, **options)
    case("MultiLabelMarginLoss", (), [a, torch.tensor([[0, 2, -1], [1, -1, 0], [2, 1, 0], [-1, 0, 1]])], label=reduction, **options)
    case("MultiLabelSoftMarginLoss", (), [a, randint(2, 4, 3)], label=reduction, weight=weight3, **options)
    case("MarginRankingLoss", (), [randn(4), randn(4), signs(4)], label=reduction, margin=0.3, **options)
    case("HingeEmbeddingLoss", (), [a, signs(4, 3)], label=reduction, **options)
    case("CosineEmbeddingLoss", (), [a, b, signs(4)], label=reduction, margin=0.2, **options)
    case("TripletMarginLoss", (), [a, b, c], label=reduction, margin=2.0, p=3, swap=True, **options)
    case("TripletMarginWithDistanceLoss", (), [a, b, c], label=reduction, swap=True, **options)
    case("CTCLoss", (), [randn(6, 2, 4).log_softmax(2), torch.tensor([[1, 2, 3], [1, 3, 1]]), torch.tensor([6, 5]),
                         torch.tensor([3, 2])], label=reduction, **options)
case("CrossEntropyLoss", (), [a, torch.tensor([0, -100, 2, 1])])
case("CrossEntropyLoss", (), [a, b.softmax(1)], label="probabilities")
case("CrossEntropyLoss", (), [randn(2, 3, 4), randint(3, 2, 4)], label="places", ignore_index=1)
case("KLDivLoss", (), [a.log_softmax(1), b.log_softmax(1)], label="batchmean", reduction="batchmean", log_target=True)
case("SmoothL1Loss", (), [a, b], label="zero", beta=0.0)
case("PoissonNLLLoss", (), [a.abs(), b.abs()], label="linear", log_input=False)
case("GaussianNLLLoss", (), [a, b, rand(4)], label="shared", full=True)
case("CTCLoss", (), [randn(2, 1, 3).log_softmax(2), torch.tensor([[1, 2, 1]]), torch.tensor([2]), torch.tensor([3])],
     label="impossible", zero_infinity=True)

case("AdaptiveLogSoftmaxWithLoss", (4, 10, (3, 6)), [randn(5, 4), torch.tensor([0, 9, 4, 2, 5])], div_value=2.0, head_bias=True)
case("AdaptiveLogSoftmaxWithLoss", (4, 10, (3,)), [randn(4), torch.tensor(7)], label="item")

# ---- functions that no layer above calls, or that do more than it
for name in ["l1_loss", "mse_loss", "huber_loss"]:
    for reduction in ["mean", "sum", "none"]:
        case(name, (), [a, b], label=f"weight_{reduction}", weight=rand(4, 3), reduction=reduction)
case("linear_cross_entropy", (), [a, randn(5, 3), torch.tensor([0, 4, 2, 1])], linear_bias=randn(5))
case("softmax", (0,), [a])
case("log_softmax", (1,), [a])
case("gumbel_softmax", (), [a], tau=0.5)
case("gumbel_softmax", (), [a], label="hard", hard=True, dim=0)
case("leaky_relu", (0.3,), [a])
case("rrelu", (), [a], label="eval", lower=0.1, upper=0.3, training=False)
case("prelu", (), [randn(2, 3), rand(3)])
case("normalize", (), [a])
case("normalize", (), [a], label="options", p=1, dim=0, eps=1e-3)
case("dropout2d", (), [randn(2, 4, 3)], label="three", p=0.5)
case("alpha_dropout", (), [a], label="eval")
case("batch_norm", (), [randn(4, 3), constant(rand(3)), constant(rand(3))], weight=rand(3), bias=rand(3))
case("instance_norm", (), [randn(2, 3, 4)], weight=rand(3), eps=1e-2)
case("layer_norm", ((3,),), [a], weight=rand(3))
case("group_norm", (3,), [randn(2, 3, 2)], bias=rand(3))
case("embedding", (), [torch.tensor([[0, 2], [4, 2]]), randn(5, 3)], padding_idx=2, scale_grad_by_freq=True)
case("bilinear", (), [randn(2, 3), randn(2, 2), randn(4, 3, 2)])
case("pdist", (), [a], p=1.0)
case("cosine_similarity", (), [a, b], dim=0)
case("pad", ((1, 2),), [a], mode="constant", value=2.0)
case("pad", ((1, 1),), [randn(1, 2, 3)], label="reflect", mode="reflect")
case("one_hot", (5,), [torch.tensor([0, 3, 4])])
case("unfold", (2,), [randn(1, 1, 3, 3)], padding=1)
case("max_pool2d", (2,), [randn(1, 1, 4, 4)], stride=1, return_indices=True)
case("conv_tbc", (), [randn(5, 2, 3), randn(2, 3, 4), randn(4)])
line, square, cube = randn(1, 2, 4), randn(1, 2, 4, 5), randn(1, 1, 3, 4, 3)
for mode in ["nearest", "nearest-exact", "area"]:
    case("interpolate", (), [line], label=f"{mode}_1d", size=7, mode=mode)
    case("interpolate", (), [square], label=f"{mode}_2d", scale_factor=1.7, mode=mode)
    case("interpolate", (), [cube], label=f"{mode}_3d", scale_factor=(2, 1, 1.5), mode=mode)
case("interpolate", (), [line], label="linear", scale_factor=1.7, mode="linear")
case("interpolate", (), [line], label="linear_recompute", scale_factor=1.7, mode="linear", recompute_scale_factor=True)
for mode in ["bilinear", "bicubic"]:
    case("interpolate", (), [square], label=mode, size=(7, 3), mode=mode, align_corners=True)
    case("interpolate", (), [square], label=f"{mode}_smooth", scale_factor=0.6, mode=mode, antialias=True)
case("interpolate", (), [square], label="lanczos", size=(3, 3), mode="lanczos", antialias=True)
case("interpolate", (), [cube], label="trilinear", scale_factor=2.0, mode="trilinear")
for mode in ["bilinear", "nearest", "bicubic"]:
    for padding_mode in ["zeros", "border", "reflection"]:
        case("grid_sample", (), [square, rand(1, 3, 2, 2) * 2.4 - 1.2], label=f"{mode}_{padding_mode}", mode=mode,
             padding_mode=padding_mode, align_corners=padding_mode == "border")
case("grid_sample", (), [cube, rand(1, 2, 2, 2, 3) * 2.4 - 1.2], label="volume", align_corners=False)
case("affine_grid", ((1, 1, 2, 3),), [randn(1, 2, 3)], align_corners=True)
case("affine_grid", ((1, 1, 2, 2, 3),), [randn(1, 3, 4)], label="volume", align_corners=False)

# ---- a loss with a layer of its own
x, labels = randn(6, 5), torch.arange(6)
case("LinearCrossEntropyLoss", (5, 10), [x, labels])
case("LinearCrossEntropyLoss", (5, 10), [x, labels], label="bias", bias=True, label_smoothing=0.1, reduction="sum")
case("LinearCrossEntropyLoss", (5, 10), [x, labels], label="weighted", weight=torch.arange(1.0, 11.0), reduction="none")
case("LinearCrossEntropyLoss", (5, 10), [x, labels], label="ignored", ignore_index=3)
case("LinearCrossEntropyLoss", (5, 4), [x, randint(4, 6, 2, 3)], label="positions", out_features=(2, 3), bias=True)
case("LinearCrossEntropyLoss", (5, 4), [x, constant(randn(6, 4, 2, 3).softmax(dim=1))], label="probabilities", out_features=(2, 3))

# ---- lazy layers: their weights come with the first batch
line, image, volume = (2, 4, 9), (2, 4, 6, 5), (1, 2, 4, 5, 4)
case("LazyLinear", (3,), [randn(2, 4)])
case("LazyLinear", (3,), [randn(2, 4)], label="no_bias", bias=False)
for d, shape in [(1, line), (2, image), (3, volume)]:
    case(f"LazyConv{d}d", (6, 2), [randn(*shape)], padding=1, groups=2)
    case(f"LazyConvTranspose{d}d", (6, 2), [randn(*shape)], stride=2, groups=2)
    case(f"LazyBatchNorm{d}d", (), [randn(*shape)])
    case(f"LazyInstanceNorm{d}d", (), [randn(*shape)], affine=True, track_running_stats=True)
case("LazyConv2d", (3, 2), [randn(4, 3, 3)], label="item", bias=False)
case("LazyBatchNorm2d", (), [randn(*image)], label="plain", affine=False)
case("LazyInstanceNorm1d", (), [randn(*line)], label="plain")

# ---- products of groups
ends = torch.tensor([3, 4, 8], dtype=torch.int32)
case("grouped_mm", (), [randn(8, 16), randn(3, 16, 8)], offs=ends)
case("grouped_mm", (), [randn(8, 16), randn(16, 8)], label="inner", offs=torch.tensor([4, 16], dtype=torch.int32))
case("grouped_mm", (), [randn(3, 4, 16), randn(3, 16, 8)], label="batch")
case("grouped_mm", (), [randn(3, 4, 16), randn(16, 8)], label="columns", offs=ends)

golden.write()
