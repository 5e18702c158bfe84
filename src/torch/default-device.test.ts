// Which tensors the default device is for. "meta" stands for another device: it is there on every machine.
import { afterEach, expect, test } from "vitest";
import * as torch from "./index.ts";
import { getDefaultDevice, nn, ones, setDefaultDevice, tensor } from "./index.ts";
import type { Tensor } from "./index.ts";

afterEach(() => setDefaultDevice(null));

test.each<[string, () => Tensor]>([
  ["zeros", () => torch.zeros([2])],
  ["zeros with options", () => torch.zeros([2], { dtype: "int64" })],
  ["empty", () => torch.empty([2])],
  ["full", () => torch.full([2], 1)],
  ["arange", () => torch.arange(3)],
  ["linspace", () => torch.linspace(0, 1, 3)],
  ["eye", () => torch.eye(2)],
  ["randn", () => torch.randn([2])],
  ["randint", () => torch.randint(5, [2])],
  ["hannWindow", () => torch.hannWindow(4)],
  ["fft.fftfreq", () => torch.fft.fftfreq(4)],
  ["tensor", () => tensor([1, 2])],
  ["tensor of a tensor", () => tensor(ones([2], { device: "cpu" }))],
  ["asTensor", () => torch.asTensor(ones([2], { device: "cpu" }))],
  ["asarray", () => torch.asarray(new Float32Array(2))],
  ["a module's weight", () => new nn.Linear(2, 3).weight],
  ["a module's buffer", () => new nn.BatchNorm1d(3).running_var!],
])("%s is made there", (_, make) => {
  expect(setDefaultDevice("meta", make).device).toBe("meta");
  expect(make().device).toBe("cpu");
});

const there = ones([2]);
test.each<[string, () => Tensor]>([
  ["zerosLike", () => torch.zerosLike(there)],
  ["newZeros", () => there.newZeros([2])],
  ["newTensor", () => there.newTensor([1])],
  ["an operator", () => there.add(1)],
  ["out of a number", () => torch.pow(2, there, { out: ones([2], { device: "cpu" }) })],
  ["an index", () => there.at([0])],
  ["a named device", () => torch.zeros([2], { device: "cpu" })],
  ["sparseCooTensor", () => torch.sparseCooTensor(tensor([[0]], { dtype: "int64", device: "cpu" }), there.narrow(0, 0, 1), [2])], // prettier-ignore
  ["fromTypedArray", () => torch.fromTypedArray(new Float32Array(2), [2])],
  ["frombuffer", () => torch.frombuffer(new ArrayBuffer(8), { dtype: "float32" })],
  ["an empty buffer", () => torch.frombuffer(new ArrayBuffer(0), { dtype: "float32" })],
])("%s stays on the CPU", (_, make) => {
  expect(setDefaultDevice("meta", make).device).toBe("cpu");
});

test("it holds until it is set again, and in nested runs that may throw", () => {
  expect(getDefaultDevice()).toBe("cpu");
  setDefaultDevice("meta");
  expect(getDefaultDevice()).toBe("meta");
  expect(setDefaultDevice("cpu", () => torch.zeros([1]).device)).toBe("cpu");
  expect(setDefaultDevice(null, () => torch.zeros([1]).device)).toBe("cpu");
  expect(() =>
    setDefaultDevice("cpu", () => {
      throw new Error("inside");
    }),
  ).toThrow("inside");
  expect(torch.zeros([1]).device).toBe("meta");
  setDefaultDevice(null);
  expect(torch.zeros([1]).device).toBe("cpu");
});

test("what is no device is refused", () => {
  expect(() => setDefaultDevice("cud")).toThrow(/device type at start of device string: cud/);
  expect(() => setDefaultDevice(0 as unknown as string)).toThrow(/must be a name such as "cuda" or null/);
  expect(getDefaultDevice()).toBe("cpu");
});

test("getDevice tells the number of a tensor's device", () => {
  expect(torch.getDevice(ones([1]))).toBe(-1);
  expect(torch.getDevice(ones([1], { device: "meta" }))).toBe(-1);
});

test.skipIf(!torch.cuda.isAvailable())("a kind of device has a current one", () => {
  setDefaultDevice("cuda", () => {
    expect(getDefaultDevice()).toBe(`cuda:${torch.cuda.currentDevice()}`);
    expect(torch.rand([2]).add(tensor([1, 2])).device).toBe(getDefaultDevice());
    expect(torch.getDevice(ones([1]))).toBe(torch.cuda.currentDevice());
  });
});
