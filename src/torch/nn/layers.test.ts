// What layers do beside computing as PyTorch's (./golden.test.ts): states, modes, and words for mistakes.
import { describe, expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { messagesOf } from "../../../tests/mistakes.ts";
import { manualSeed, nn, ones, tensor, zeros } from "../index.ts";
import type { Tensor } from "../index.ts";

describe("Embedding", () => {
  test("starts its padding row at zero and gives it no gradient; negative rows count from the end", () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -1 });
    expect(layer.paddingIdx).toBe(3);
    expect(layer.weight.select(0, 3).tolist()).toEqual([0, 0]);
    layer
      .forward(tensor([0n, 3n, 3n]))
      .sum()
      .backward();
    expect(layer.weight.grad!.tolist()).toEqual([[1, 1], [0, 0], [0, 0], [0, 0]]); // prettier-ignore
  });

  test("gives its last row a gradient where there is no padding row", () => {
    const layer = new nn.Embedding(2, 1);
    layer
      .forward(tensor([1n]))
      .sum()
      .backward();
    expect(layer.weight.grad!.tolist()).toEqual([[0], [1]]);
  });

  test("refuses a padding row or an index beyond the table", () => {
    expect(() => new nn.Embedding(4, 2, { paddingIdx: 4 })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Embedding: paddingIdx must be within 4 rows, got 4.]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([4n]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: index out of range in self (weight: Float[4, 2], indices: Long[1])]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([-1n]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: index out of range in self (weight: Float[4, 2], indices: Long[1])]`,
    );
    expect(() => new nn.Embedding(4, 2).forward(tensor([1]))).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: aten::embedding: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got CPUFloatType instead (while checking arguments for embedding) (weight: Float[4, 2], indices: Float[1])]`,
    );
  });
});

describe("Dropout", () => {
  test("drops only while training and scales what stays", () => {
    const layer = new nn.Dropout(0.25);
    const values = new Set(layer.forward(ones([1000])).tolist() as number[]);
    expect([...values].sort()).toEqual([0, Math.fround(4 / 3)]);
    expect(
      layer
        .eval()
        .forward(ones([3]))
        .tolist(),
    ).toEqual([1, 1, 1]);
    expect(new nn.Dropout(1).forward(ones([2])).tolist()).toEqual([0, 0]);
    expect(new nn.Dropout(0).forward(ones([2])).tolist()).toEqual([1, 1]);
  });

  test("refuses what is no probability", () => {
    expect(() => new nn.Dropout(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Dropout: p must be a probability in [0, 1], got 1.5.]`,
    );
    expect(() => new nn.Dropout(NaN)).toThrow("got NaN");
  });
});

test("layers say in libtorch's words which shapes do not fit", () => {
  expect(() => new nn.Linear(4, 3).forward(ones([2, 5]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::linear: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3) (input: Float[2, 5], weight: Float[3, 4], bias: Float[3])]`,
  );
  expect(() => new nn.LayerNorm(4).forward(ones([2, 5]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::layer_norm: Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 5] (input: Float[2, 5], weight: Float[4], bias: Float[4])]`,
  );
  expect(() => nn.functional.crossEntropy(ones([2, 3]), tensor([0n, 3n]))).toThrowErrorMatchingInlineSnapshot(
    `[TorchError: aten::cross_entropy_loss: Target 3 is out of bounds. (self: Float[2, 3], target: Long[2])]`,
  );
  expect(() =>
    nn.functional.crossEntropy(ones([2, 3]), tensor([0n, 1n]), { reduction: "avg" as "mean" }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: reduction: unknown name "avg". Valid: mean, none, sum.]`,
  );
});

describe("BatchNorm", () => {
  test("evaluates with running statistics, and trains with the batch's", () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.5, affine: false });
    norm.forward(tensor([[1], [3]]));
    expect([
      norm.running_mean!.tolist(),
      norm.running_var!.tolist(),
      norm.num_batches_tracked!.item(),
    ]).toEqual([[1], [1.5], 1]);
    expect(
      norm
        .eval()
        .forward(tensor([[1]]))
        .item(),
    ).toBe(0);
    norm.resetRunningStats();
    expect([...norm.buffers()].map((buffer) => buffer.tolist())).toEqual([[0], [1], 0]);
  });

  test("takes weights of PyTorch 0.4, which lack the counter; other names must be there", () => {
    const norm = new nn.Sequential(new nn.BatchNorm1d(1));
    const state = norm.stateDict();
    state.delete("0.num_batches_tracked");
    expect(norm.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    state.delete("0.running_var");
    expect(() => norm.loadStateDict(state)).toThrow("missing: 0.running_var.");
  });
});

test("inplace activations and dropout overwrite their input, others leave it", () => {
  const x = tensor([-1, 2]);
  expect(new nn.ReLU().forward(x).sharesStorageWith(x)).toBe(false);
  expect(new nn.ReLU({ inplace: true }).forward(x).sharesStorageWith(x)).toBe(true);
  expect(x.tolist()).toEqual([0, 2]);
  nn.functional.leakyRelu(x.sub_(1), { negativeSlope: 0.5, inplace: true });
  expect(x.tolist()).toEqual([-0.5, 1]);
  new nn.Dropout(1, { inplace: true }).forward(x);
  expect(x.eq(0).all().item()).toBe(true);
  expect(new nn.LeakyReLU(0.1, { inplace: true }).toString()).toBe(
    "LeakyReLU(negative_slope=0.1, inplace=True)",
  );
});

test("layers are made in another dtype, or without memory", () => {
  expect(new nn.Conv1d(1, 1, 1, { dtype: "float64" }).weight.dtype).toBe("float64");
  const norm = new nn.BatchNorm2d(2, { device: "meta" });
  expect(new Set([...norm.stateDict().values()].map(({ device }) => device))).toEqual(new Set(["meta"]));
  expect(new nn.Linear(1000, 1000, { device: "meta" }).forward(zeros([2, 1000]).to("meta")).shape).toEqual([
    2, 1000,
  ]);
});

test("a loss keeps its class weights in the state dict, and tells a table from a list", () => {
  const loss = new nn.CrossEntropyLoss({ weight: ones([3]) });
  expect([...loss.stateDict().keys()]).toEqual(["weight"]);
  expect(loss.double().weight!.dtype).toBe("float64");
  expect(nn.functional.mseLoss(ones([2, 3]), tensor(2)).item()).toBe(1);
});

test("a triplet loss takes a distance of its own, function or module", () => {
  const [anchor, positive, negative] = [tensor([[0]]), tensor([[1]]), tensor([[3]])];
  const distanceFunction = (a: Tensor, b: Tensor) => a.sub(b).abs().sum(1);
  const loss = new nn.TripletMarginWithDistanceLoss({ distanceFunction, margin: 4 });
  expect(loss.forward(anchor, positive, negative).item()).toBe(2);
  const byModule = new nn.TripletMarginWithDistanceLoss({ distanceFunction: new nn.CosineSimilarity() });
  expect(byModule.forward(anchor, positive, negative).item()).toBe(1);
});

test("an adaptive softmax gives all log probabilities and the most probable class", () => {
  const softmax = new nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3, 6], { divValue: 2 });
  const x = tensor([[1, -2, 3, 1], [-3, 1, 0, 2], [0, 9, -9, 4]]); // prettier-ignore
  const all = softmax.logProb(x);
  expect(all.exp().sum(1)).toBeAllclose([1, 1, 1], { atol: 1e-6 });
  const classes = tensor([1n, 8n, 4n]);
  expect(softmax.forward(x, classes).output).toBeAllclose(all.gather(1, classes.unsqueeze(1)).squeeze(1));
  expect(softmax.predict(x).tolist()).toEqual(all.argmax(1).tolist());
});

test("poolings, windows and sides are read by position", () => {
  const pool = new nn.MaxPool2d(2, { returnIndices: true });
  const [y, indices] = pool.forward(tensor([[[[1, 2], [4, 3]]]])) as unknown as [Tensor, Tensor]; // prettier-ignore
  expect([y.item(), indices.item()]).toEqual([4, 2]);
  manualSeed(0);
  const layer = new nn.FractionalMaxPool2d(2, { outputSize: 2 });
  expect(layer.forward(ones([1, 1, 5, 5])).shape).toEqual([1, 1, 2, 2]);
});

test("every layer and loss refuses an option that it does not have", () => {
  const layer = () => new nn.TransformerEncoderLayer(4, 2);
  const given: Record<string, unknown[]> = {
    AdaptiveLogSoftmaxWithLoss: [4, 10, [3]],
    Bilinear: [2, 3, 4],
    Embedding: [4, 2],
    EmbeddingBag: [4, 2],
    Fold: [4, 2],
    GELU: [],
    GroupNorm: [2, 4],
    LayerNorm: [4],
    Linear: [2, 3],
    LocalResponseNorm: [2],
    MultiheadAttention: [4, 2],
    PReLU: [1],
    RMSNorm: [4],
    Threshold: [0, 1],
    Transformer: [4, 2],
    TransformerDecoder: [new nn.TransformerDecoderLayer(4, 2), 1],
    TransformerDecoderLayer: [4, 2],
    TransformerEncoder: [layer(), 1],
    TransformerEncoderLayer: [4, 2],
    Unfold: [2],
    Upsample: [],
    UpsamplingBilinear2d: [],
    UpsamplingNearest2d: [],
    CosineSimilarity: [],
    PairwiseDistance: [],
    ReLU: [],
    ReLU6: [],
    SELU: [],
    SiLU: [],
    Mish: [],
    Hardswish: [],
    Hardsigmoid: [],
    ELU: [1],
    CELU: [1],
    LeakyReLU: [0.1],
    Hardtanh: [-1, 1],
    RReLU: [0.1, 0.2],
    Dropout: [0.1],
    AlphaDropout: [0.1],
    AdaptiveMaxPool2d: [2],
    AvgPool2d: [2],
    MaxPool1d: [2],
    MaxUnpool3d: [2],
    LPPool2d: [2, 2],
    FractionalMaxPool2d: [2],
    BatchNorm1d: [4],
    InstanceNorm2d: [4],
    Conv2d: [2, 2, 3],
    ConvTranspose3d: [2, 2, 3],
    RNN: [2, 3],
    LSTM: [2, 3],
    GRU: [2, 3],
    RNNCell: [2, 3],
    LSTMCell: [2, 3],
    GRUCell: [2, 3],
    LinearCrossEntropyLoss: [3, 2],
    LazyLinear: [2],
    LazyConv2d: [2, 3],
    LazyConvTranspose1d: [2, 3],
    LazyBatchNorm1d: [],
    LazyInstanceNorm3d: [],
  };
  const losses = Object.keys(nn).filter((name) => name.endsWith("Loss"));
  expect(losses.length).toBeGreaterThan(15);
  for (const name of losses) given[name] ??= [];
  for (const [name, positional] of Object.entries(given)) {
    const Layer = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>)[name]!;
    expect(() => new Layer(...positional, { device_: "cpu" }), name).toThrow(
      `${name}: unknown option "device_"`,
    );
  }
  expect(() => nn.Embedding.fromPretrained(ones([2, 2]), { freez: false } as object)).toThrow(
    'Embedding.fromPretrained: unknown option "freez". Did you mean "freeze"?',
  );
});

test("mistakes are named with what must hold, what was found and what to do", () => {
  const mistakes = [
    () => new nn.Conv2d(4, 6, 3, { groups: 4 }),
    () => new nn.ConvTranspose1d(4, 6, 3, { groups: 0 }),
    () => new nn.Conv2d(4, 6, [3, 3, 3]),
    () => new nn.Conv2d(4, 6, 3, { padding: "full" as "same" }),
    () => new nn.Conv2d(4, 6, 3, { paddingMode: "mirror" as "reflect" }),
    () => new nn.Conv1d(4, 6, 3, { padding: "same", stride: 2 }),
    () => new nn.Conv2d(4, 6, 3, { strid: 2 } as nn.ConvOptions),
    () => new nn.MaxPool2d(2, 2 as nn.MaxPoolOptions),
    () => new nn.ConvTranspose1d(1, 1, 2, { stride: 2 }).forward(ones([1, 1, 3]), { outputSize: [9] }),
    () => new nn.MaxUnpool1d(2).forward(ones([1, 1, 2]), zeros([1, 1, 2]).long(), { outputSize: [9] }),
    () => new nn.FractionalMaxPool2d(2, {}),
    () => new nn.FractionalMaxPool2d(2, { outputRatio: 2 }),
    () => new nn.AdaptiveAvgPool2d([1, 2, 3]).forward(ones([1, 1, 4, 4])),
    () => new nn.ReflectionPad1d(3).forward(ones([1, 1, 3])),
    () => new nn.CircularPad2d(4).forward(ones([1, 1, 3, 9])),
    () => new nn.ZeroPad2d([1, 2]),
    () => new nn.ReplicationPad2d(1).forward(ones([3])),
    () => new nn.BatchNorm2d(3).forward(ones([2, 3])),
    () => new nn.BatchNorm1d(3).forward(ones([1, 3])),
    () => new nn.InstanceNorm1d(3).forward(ones([1, 3, 1])),
    () => new nn.InstanceNorm1d(3, { affine: true }).forward(ones([1, 2, 4])),
    () => new nn.GroupNorm(3, 4),
    () => new nn.LocalResponseNorm(2).forward(ones([2, 3])),
    () => new nn.MSELoss({ reduction: "avg" as "mean" }),
    () => new nn.MSELoss().forward(ones([4]), ones([4, 1])),
    () => nn.functional.l1Loss(ones([2]), ones([2]), { weight: ones([3]) }),
    () => new nn.BCELoss().forward(ones([2]), ones([2, 1])),
    () => new nn.GaussianNLLLoss().forward(ones([2]), ones([2]), tensor([1, -1])),
    () => new nn.GaussianNLLLoss().forward(ones([2, 3]), ones([2, 3]), ones([3, 2])),
    () => nn.functional.interpolate(ones([1, 1, 2]), { size: 2, mode: "bilinear" }),
    () => nn.functional.interpolate(ones([1, 1, 2]), { size: 2, mode: "linar" as "linear" }),
    () => nn.functional.interpolate(ones([1, 1, 2]), { size: 2, scaleFactor: 2 }),
    () => nn.functional.interpolate(ones([1, 1, 2]), { size: 2, alignCorners: true }),
    () => nn.functional.gridSample(ones([1, 1, 2, 2]), ones([1, 1, 1, 2]), { mode: "cubic" as "bicubic" }),
    () => new nn.Dropout1d().forward(ones([2])),
    () => new (nn.Softmax as unknown as new () => nn.Softmax)(),
    () => new nn.ChannelShuffle(3).forward(ones([1, 4, 2])),
    () => new nn.AdaptiveLogSoftmaxWithLoss(4, 10, [6, 3]),
    () => new nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3]).forward(ones([1, 4]), tensor([10n])),
    () => nn.functional.relu(ones([1]), { inplac: true } as nn.InplaceOptions),
    () => new nn.LSTM(2, 3, { batch_first: true } as nn.RecurrentOptions),
    () => new nn.Linear(2, 3, { biass: false } as nn.LinearOptions),
  ];
  expect(messagesOf(mistakes)).toMatchInlineSnapshot(`
    "UsageError: Conv2d: groups must divide outChannels, got groups=4 and outChannels=6. Set groups to a divisor of 6.
    UsageError: ConvTranspose1d: groups must divide inChannels, got groups=0 and inChannels=4. Set groups to a divisor of 4.
    UsageError: Conv2d: kernelSize must be one number or 2, got [3, 3, 3].
    UsageError: Conv2d: padding must be "same", "valid" or numbers, got "full".
    UsageError: Conv2d: unknown paddingMode "mirror". Valid: circular, reflect, replicate, zeros.
    UsageError: Conv1d: padding "same" needs stride 1, got stride [2]. Give the padding in numbers.
    UsageError: Conv2d: unknown option "strid". Did you mean "stride"? Valid: bias, device, dilation, dtype, groups, padding, paddingMode, stride.
    UsageError: MaxPool2d: the last argument must be an options object, got number.
    ShapeError: ConvTranspose1d: outputSize must be from [6] to [7], got [9]. Give a size in that range.
    ShapeError: nn.functional.maxUnpool1d: outputSize must be within one stride of [4], got [9]. Give the shape of the pooling's input.
    UsageError: FractionalMaxPool2d: needs either outputSize or outputRatio, got neither.
    UsageError: FractionalMaxPool2d: outputRatio must be between 0 and 1, got [2].
    UsageError: nn.functional.adaptivePool2d: outputSize must be one number or 2, got [1, 2, 3].
    ShapeError: ReflectionPad1d: padding must be less than the dimension that it mirrors, got [3, 3] for shape [1, 1, 3]. Pad less.
    ShapeError: CircularPad2d: padding must be at most the dimension that it repeats, got [4, 4, 4, 4] for shape [1, 1, 3, 9]. Pad less.
    UsageError: ZeroPad2d: padding must be one number or 4, got [1, 2].
    ShapeError: ReplicationPad2d: the input must have 3 or 4 dimensions, got shape [3]. Reshape it.
    ShapeError: BatchNorm2d: the input must have 4 dimensions, got shape [2, 3]. Reshape it, or use the layer for its dimensions.
    ShapeError: nn.functional.batchNorm: needs more than 1 value per channel to take statistics of, got shape [1, 3]. Give it a larger input, or evaluate with running statistics.
    ShapeError: nn.functional.instanceNorm: needs more than 1 spatial element to take statistics of, got shape [1, 3, 1]. Give it a larger input, or evaluate with running statistics.
    ShapeError: InstanceNorm1d: the input must have 3 channels, got shape [1, 2, 4].
    UsageError: GroupNorm: numGroups must divide numChannels, got numGroups=3 and numChannels=4. Set numGroups to a divisor of 4.
    ShapeError: nn.functional.localResponseNorm: the input must have at least 3 dimensions, got shape [2, 3].
    UsageError: reduction: unknown name "avg". Valid: mean, none, sum.
    ShapeError: mseLoss: input and target must have the same shape, got [4] and [4, 1]. Squeeze or expand one of them.
    ShapeError: l1Loss: weight must have the input's shape [2], got [3]. Expand it.
    ShapeError: binaryCrossEntropy: input and target must have the same shape, got [2] and [2, 1]. Squeeze or expand one of them.
    UsageError: gaussianNllLoss: the variance must not be negative. Predict its logarithm, or clamp it.
    ShapeError: gaussianNllLoss: the variance must have the input's shape [2, 3], or 1 or nothing in place of its last dimension, got [3, 2]. Reshape it.
    UsageError: nn.functional.interpolate: mode "bilinear" does not resize 1 spatial dimensions, got shape [1, 1, 2].
    UsageError: nn.functional.interpolate: unknown mode "linar". Did you mean "linear"? Valid: area, bicubic, bilinear, lanczos, linear, nearest, nearest-exact, trilinear.
    UsageError: nn.functional.interpolate: needs either size or scaleFactor, got both.
    UsageError: nn.functional.interpolate: alignCorners is for the modes linear, bilinear, bicubic and trilinear, got mode "nearest". Leave it out.
    UsageError: nn.functional.gridSample: unknown mode "cubic". Did you mean "bicubic"? Valid: bicubic, bilinear, nearest.
    ShapeError: nn.functional.dropout1d: the input must have 2 or 3 dimensions, got shape [2]. Use dropout for other shapes.
    UsageError: Softmax: dim must be a whole number, got undefined. Say which dimension.
    ShapeError: ChannelShuffle: groups must divide the channels, got groups=3 and shape [1, 4, 2].
    UsageError: AdaptiveLogSoftmaxWithLoss: cutoffs must be whole numbers that rise from 1 to below nClasses=10, got [6, 3].
    ShapeError: AdaptiveLogSoftmaxWithLoss: the target must be within 10 classes, got 10 to 10.
    UsageError: nn.functional.relu: unknown option "inplac". It takes no options.
    UsageError: LSTM: unknown option "batch_first". Did you mean "batchFirst"? Valid: batchFirst, bias, bidirectional, device, dropout, dtype, numLayers, projSize.
    UsageError: Linear: unknown option "biass". Did you mean "bias"? Valid: bias, device, dtype."
  `);
});
