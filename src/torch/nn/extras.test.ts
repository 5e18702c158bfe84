// Buffers as fields, memory layouts, modules without first values.
import { expect, test } from "vitest";
import "../../../tests/matchers.ts";
import { Tensor, manualSeed, nn, ones, randn, tensor, zeros } from "../index.ts";

test("a Buffer in a field is state, in the order of the fields, and may stay out of the state dict", () => {
  class Net extends nn.Module {
    readonly fc = new nn.Linear(2, 1);
    readonly steps = new nn.Buffer(zeros([1]));
    readonly cache = new nn.Buffer(ones([2]), { persistent: false });
  }
  const net = new Net();
  expect([...net.stateDict().keys()]).toEqual(["steps", "fc.weight", "fc.bias"]);
  expect(Array.from(net.namedBuffers(), ([name]) => name)).toEqual(["steps", "cache"]);
  expect(net.parameters()).toHaveLength(2);
  net.to("float64");
  expect([net.steps.dtype, net.cache.dtype]).toEqual(["float64", "float64"]);
  net.loadStateDict(new Map([...net.stateDict(), ["steps", tensor([3], { dtype: "float64" })]]));
  expect(net.steps.tolist()).toEqual([3]);
  expect(net.steps.requiresGrad).toBe(false);
});

test("linearCrossEntropy refuses inputs of other shapes", () => {
  const F = nn.functional;
  const target = zeros([2], { dtype: "int64" });
  expect(() => F.linearCrossEntropy(ones([2, 3]), ones([4, 5]), target)).toThrow(
    /must be \[items, 5\] or \[5\]/,
  );
  expect(() => F.linearCrossEntropy(ones([5]), ones([4, 2, 5]), target)).toThrow(/the input must be a batch/);
});

test("channels_last changes how weights lie in memory, and no result", () => {
  manualSeed(1);
  const net = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8), new nn.Conv2d(8, 4, 1)).eval();
  const x = randn([2, 3, 8, 8]);
  const before = net.forward(x) as Tensor;
  net.to({ memoryFormat: "channels_last" });
  const weight = net.getParameter("0.weight");
  expect(weight.strides).toEqual([27, 1, 9, 3]);
  const after = net.forward(x.to({ memoryFormat: "channels_last" })) as Tensor;
  expect(after.strides).toEqual([144, 1, 24, 4]);
  expect(after).toBeAllclose(before, { atol: 1e-5, rtol: 1e-5 });
  nn.utils.convertConv2dWeightMemoryFormat(net, "contiguous");
  expect(net.getParameter("0.weight").strides).toEqual([27, 9, 3, 1]);
  const volume = nn.utils.convertConv3dWeightMemoryFormat(new nn.Conv3d(2, 3, 2), "channels_last_3d");
  expect(volume.weight.strides).toEqual([16, 1, 8, 4, 2]);
  expect(() => net.to({ memoryFormat: "channels_first" as "contiguous" })).toThrow(/memory format/);
});

test("skipInit draws nothing and leaves memory to be filled", () => {
  manualSeed(3);
  const next = randn([2]).tolist();
  manualSeed(3);
  const layer = nn.utils.skipInit(nn.Linear, 4, 2, { bias: false });
  expect([layer.weight.shape, layer.weight.device, layer.bias]).toEqual([[2, 4], "cpu", null]);
  expect(randn([2]).tolist()).toEqual(next);
  const { functionalCall } = nn.utils.stateless;
  const state = new Map([["weight", ones([2, 4])]]);
  expect(functionalCall(layer, state, [ones([1, 4])]).tolist()).toEqual([[4, 4]]);
});

test("parametrizations move to another module with their tensors", () => {
  const from = nn.utils.parametrizations.weightNorm(new nn.Linear(3, 2));
  const to = new nn.Linear(3, 2);
  nn.utils.parametrize.transferParametrizationsAndParams(from, to);
  expect(to.weight).toBeAllclose(from.weight, { atol: 0, rtol: 0 });
  expect([...to.stateDict().keys()].sort()).toEqual([...from.stateDict().keys()].sort());
  expect(nn.utils.parametrize.typeBeforeParametrizations(to)).toBe(nn.Linear);
  expect(() =>
    nn.utils.parametrize.transferParametrizationsAndParams(new nn.Linear(1, 1), to, "weight"),
  ).toThrow(/"weight" has no parametrizations to transfer/);
});

test("RNNBase and RNNCellBase are what the recurrent layers have in common", () => {
  expect(new nn.LSTM(2, 3)).toBeInstanceOf(nn.RNNBase);
  expect(new nn.GRUCell(2, 3)).toBeInstanceOf(nn.RNNCellBase);
});
