import { expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { AdamW } from "../optim/index.ts";
import { manualSeed, nn, ones, randn, saveSafetensors } from "../index.ts";
import type { Tensor } from "../index.ts";

type Layer = nn.Module & { forward(x: Tensor): Tensor };
const options = { dtype: "float64" } as const;

const pairs: [string, () => Layer, () => Layer, number[]][] = [
  ["LazyLinear", () => new nn.LazyLinear(2, options), () => new nn.Linear(3, 2, options), [4, 5, 3]],
  [
    "LazyLinear without bias",
    () => new nn.LazyLinear(2, { bias: false, ...options }),
    () => new nn.Linear(3, 2, { bias: false, ...options }),
    [4, 3],
  ],
  ["LazyConv1d", () => new nn.LazyConv1d(4, 3, options), () => new nn.Conv1d(2, 4, 3, options), [2, 2, 8]],
  [
    "LazyConv2d",
    () => new nn.LazyConv2d(4, 3, { groups: 2, ...options }),
    () => new nn.Conv2d(6, 4, 3, { groups: 2, ...options }),
    [2, 6, 8, 8],
  ],
  [
    "LazyConv2d of one item",
    () => new nn.LazyConv2d(4, 3, options),
    () => new nn.Conv2d(6, 4, 3, options),
    [6, 8, 8],
  ],
  [
    "LazyConv3d",
    () => new nn.LazyConv3d(4, [1, 2, 3], options),
    () => new nn.Conv3d(2, 4, [1, 2, 3], options),
    [1, 2, 4, 4, 4],
  ],
  [
    "LazyConvTranspose1d",
    () => new nn.LazyConvTranspose1d(4, 3, options),
    () => new nn.ConvTranspose1d(2, 4, 3, options),
    [2, 2, 8],
  ],
  [
    "LazyConvTranspose2d",
    () => new nn.LazyConvTranspose2d(4, 3, { groups: 2, ...options }),
    () => new nn.ConvTranspose2d(6, 4, 3, { groups: 2, ...options }),
    [2, 6, 5, 5],
  ],
  [
    "LazyConvTranspose3d",
    () => new nn.LazyConvTranspose3d(4, 2, options),
    () => new nn.ConvTranspose3d(2, 4, 2, options),
    [1, 2, 3, 3, 3],
  ],
  ["LazyBatchNorm1d", () => new nn.LazyBatchNorm1d(options), () => new nn.BatchNorm1d(3, options), [4, 3]],
  [
    "LazyBatchNorm2d",
    () => new nn.LazyBatchNorm2d({ affine: false, ...options }),
    () => new nn.BatchNorm2d(3, { affine: false, ...options }),
    [4, 3, 2, 2],
  ],
  [
    "LazyBatchNorm3d",
    () => new nn.LazyBatchNorm3d({ trackRunningStats: false, ...options }),
    () => new nn.BatchNorm3d(3, { trackRunningStats: false, ...options }),
    [4, 3, 2, 2, 2],
  ],
  [
    "LazyInstanceNorm1d",
    () => new nn.LazyInstanceNorm1d({ trackRunningStats: false, ...options }),
    () => new nn.InstanceNorm1d(3, { affine: true, ...options }),
    [4, 3, 5],
  ],
  [
    "LazyInstanceNorm2d",
    () => new nn.LazyInstanceNorm2d({ affine: true, trackRunningStats: true, ...options }),
    () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true, ...options }),
    [3, 5, 5],
  ],
  [
    "LazyInstanceNorm3d",
    () => new nn.LazyInstanceNorm3d(options),
    () => new nn.InstanceNorm3d(3, { affine: true, trackRunningStats: true, ...options }),
    [2, 3, 2, 2, 2],
  ],
];

test.each(pairs)(
  "%s becomes its layer at the first forward, drawn as that would be",
  (_name, makeLazy, make, shape) => {
    manualSeed(1);
    const x = randn(shape, { dtype: "float64" });
    manualSeed(7);
    const layer = makeLazy();
    const y = layer.forward(x);
    manualSeed(7);
    const plain = make();
    expect(y).toBeAllclose(plain.forward(x), { atol: 0, rtol: 0 });
    expect(String(layer)).toBe(String(plain));
    expect(layer.constructor).toBe(plain.constructor);
    expect([...layer.stateDict().keys()]).toEqual([...plain.stateDict().keys()]);
    for (const [key, value] of plain.stateDict())
      expect(layer.stateDict().get(key)!).toBeAllclose(value, { atol: 0, rtol: 0 });
    expect(layer.parameters().every((parameter) => parameter.constructor === nn.Parameter)).toBe(true);
    expect(layer.forward(x).shape).toEqual(y.shape);
  },
);

test.each(pairs)("%s takes its size from a state dict", (_name, makeLazy, make, shape) => {
  const trained = make();
  const layer = makeLazy();
  if (trained.stateDict().size === 0) return;
  layer.loadStateDict(trained.stateDict());
  expect(String(layer)).toBe(String(trained));
  const x = ones(shape, { dtype: "float64" });
  expect(layer.eval().forward(x)).toBeAllclose(trained.eval().forward(x), { atol: 0, rtol: 0 });
});

test("a weight without a shape says so, wherever a shape is needed", () => {
  const layer = new nn.LazyLinear(2);
  const { weight } = layer;
  expect(nn.isLazy(weight)).toBe(true);
  expect(String(weight)).toBe("UninitializedParameter()");
  expect(String(new nn.LazyBatchNorm1d().running_mean)).toBe("UninitializedBuffer()");
  expect(() => weight.shape).toThrow(/a lazy layer's parameter has no shape yet\. Run one batch/);
  expect(() => layer.countParameters()).toThrow(/has no shape yet/);
  expect(() => new AdamW(layer.parameters())).toThrow(/must have a shape, got one of a lazy layer/);
  expect(() => saveSafetensors(layer.stateDict(), "/tmp/never.safetensors")).toThrow(/no shape yet/);
  expect(() => new nn.Linear(3, 2).loadStateDict(layer.stateDict())).toThrow(
    /weight \[not known yet\] into \[2, 3\]/,
  );
  new nn.LazyLinear(2).loadStateDict(layer.stateDict());
  layer.forward(ones([1, 3]));
  expect(layer.weight).toBe(weight);
  expect(weight.shape).toEqual([2, 3]);
});

test("dtype and gradient flag are kept, hooks run, and a second size is refused", () => {
  const layer = new nn.LazyLinear(2).to("float64").requiresGrad_(false);
  const seen: string[] = [];
  layer.registerForwardHook(
    (module, [x]) => void seen.push(`${module.constructor.name} ${String((x as Tensor).shape)}`),
  );
  layer.forward(ones([1, 3], { dtype: "float64" }));
  layer.forward(ones([2, 3], { dtype: "float64" }));
  expect(seen).toEqual(["Linear 1,3", "Linear 2,3"]);
  expect([layer.weight.dtype, layer.weight.requiresGrad]).toEqual(["float64", false]);
  expect(() => layer.forward(ones([1, 4], { dtype: "float64" }))).toThrow(
    /mat1 and mat2 shapes cannot be multiplied/,
  );
});

test("a model of lazy layers learns its sizes in one go", () => {
  const model = new nn.Sequential(
    new nn.LazyConv2d(4, 3),
    new nn.LazyBatchNorm2d(),
    new nn.Flatten(),
    new nn.LazyLinear(2),
  );
  expect(String(model)).toContain("LazyConv2d(0, 4, kernel_size=(3, 3), stride=(1, 1))");
  expect(model.forward(ones([2, 3, 5, 5])).shape).toEqual([2, 2]);
  expect(String(model)).not.toContain("Lazy");
  model
    .forward(ones([2, 3, 5, 5]))
    .sum()
    .backward();
  expect(model.parameters().every(({ grad }) => grad !== null)).toBe(true);
});

test("an input of other dimensions is refused, and the layer stays lazy", () => {
  const layer = new nn.LazyConv2d(4, 3, { groups: 2 });
  expect(() => layer.forward(ones([3, 5]))).toThrow(/must have 3 or 4 dimensions, got shape \[3, 5\]/);
  expect(() => layer.forward(ones([1, 3, 5, 5]))).toThrow(/groups must divide the channels of the input/);
  expect(layer.forward(ones([1, 4, 5, 5])).shape).toEqual([1, 4, 3, 3]);
});
