// Loss scaling against PyTorch. The golden file is written by tools/golden/optim.py.
import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { liveTensors } from "../../../tests/live-tensors.ts";
import { Tensor, ones, optim, scope, tensor } from "../index.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/torch/optim-scaler.json", import.meta.url), "utf8"),
) as { gradients: string[]; rows: { scale: number; w: number[] }[]; state: optim.GradScalerStateDict };

const gradients = golden.gradients.map((text) => (text === "inf" ? Infinity : Number(text)));
const options = { initScale: 16, growthInterval: 3, growthFactor: 4, backoffFactor: 0.25 };

let w: Tensor;
let optimizer: optim.SGD;
beforeEach(() => {
  w = ones([2], { requiresGrad: true });
  optimizer = new optim.SGD([w], { lr: 0.125 });
});

function backward(scaler: optim.GradScaler, gradient: number): void {
  optimizer.zeroGrad();
  scaler.scale(w.mul(tensor([1, gradient])).sum()).backward();
}

function iterate(scaler: optim.GradScaler, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    scope(() => {
      backward(scaler, gradients[i]!);
      if (i % 2 === 0) scaler.unscale_(optimizer); // step() does it otherwise
      expect(scaler.step(optimizer)).toBe(Number.isFinite(gradients[i]!));
      scaler.update();
    });
    expect({ scale: scaler.getScale(), w: w.tolist() }).toEqual(golden.rows[i]);
  }
}

test("scales, skips and grows as PyTorch does", () => {
  const scaler = new optim.GradScaler(options);
  iterate(scaler, 0, gradients.length);
  expect(scaler.stateDict()).toEqual(golden.state);
});

test("goes on from its state, loaded before or after the first loss", () => {
  const first = new optim.GradScaler(options);
  iterate(first, 0, 5);
  const saved = first.stateDict();
  const weights = w.tolist() as number[];

  for (const warm of [false, true]) {
    w = tensor(weights, { requiresGrad: true });
    optimizer = new optim.SGD([w], { lr: 0.125 });
    const second = new optim.GradScaler();
    if (warm) second.scale(ones([])).dispose();
    second.loadStateDict(saved);
    expect(second.stateDict()).toEqual(saved);
    iterate(second, 5, gradients.length);
  }
});

test("holds two tensors between iterations and no more", () => {
  const scaler = new optim.GradScaler(options);
  iterate(scaler, 0, 1);
  const before = liveTensors();
  iterate(scaler, 1, gradients.length);
  expect(liveTensors()).toBe(before);
});

test("one overflow among several optimizers lowers the scale for all", () => {
  const scaler = new optim.GradScaler(options);
  const other = ones([1], { requiresGrad: true });
  const second = new optim.SGD([other], { lr: 0.125 });
  scaler.scale(w.sum().add(other.mul(Infinity).sum())).backward();
  expect(scaler.step(optimizer)).toBe(true);
  expect(scaler.step(second)).toBe(false);
  scaler.update();
  expect(scaler.getScale()).toBe(4);
  expect([w.tolist(), other.tolist()]).toEqual([[0.875, 0.875], [1]]);
});

test("does nothing when disabled", () => {
  const scaler = new optim.GradScaler({ enabled: false });
  const loss = w.sum();
  expect(scaler.scale(loss)).toBe(loss);
  loss.backward();
  scaler.unscale_(optimizer);
  expect(scaler.step(optimizer)).toBe(true);
  scaler.update();
  expect(w.tolist()).toEqual([0.875, 0.875]);
  expect([scaler.getScale(), scaler.stateDict()]).toEqual([1, {}]);
  scaler.loadStateDict(golden.state);
  expect(scaler.stateDict()).toEqual({});
});

test("calls in the wrong order are named", () => {
  const scaler = new optim.GradScaler(options);
  expect(() => scaler.step(optimizer)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.step: the loss must have been scaled, got no call of scale(). Write scaler.scale(loss).backward().]`,
  );
  backward(scaler, 1);
  expect(() => scaler.update()).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.update: gradients must have been checked, got none. Call step(optimizer) first.]`,
  );
  scaler.unscale_(optimizer);
  expect(() => scaler.unscale_(optimizer)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.unscale_: must be called once before step(), got a call after another. Call update() at the end of each iteration.]`,
  );
  scaler.step(optimizer);
  expect(() => scaler.unscale_(optimizer)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.unscale_: must be called once before step(), got a call after step(). Call update() at the end of each iteration.]`,
  );
  expect(() => scaler.step(optimizer)).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.step: must be called once for each update(), got a second call. Call update().]`,
  );
});

test("float16 weights, bad options and the state of a disabled scaler are refused", () => {
  const scaler = new optim.GradScaler(options);
  const half = ones([1], { dtype: "float16", requiresGrad: true });
  scaler.scale(half.sum()).backward();
  expect(() => scaler.unscale_(new optim.SGD([half]))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler: parameters must be float32 with float16 used in autocast alone, got float16 gradients. Keep the model in float32.]`,
  );
  expect(() => new optim.GradScaler({ backoffFactor: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler: backoffFactor must be a number > 0 and < 1, got 2.]`,
  );
  expect(() => scaler.loadStateDict({})).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.loadStateDict: the state must have scale, got an empty one. It was saved by a disabled scaler: train with the precision that it was saved with.]`,
  );
  expect(() => scaler.loadStateDict({ ...golden.state, scale: NaN })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: GradScaler.loadStateDict: scale must be a number > 0, got NaN.]`,
  );
});

test("several losses are scaled at once, and the scale and its growth can be set", () => {
  const scaler = new optim.GradScaler({ initScale: 4 });
  expect(scaler.scale([ones([]), ones([]).mul(2)]).map((loss) => loss.item())).toEqual([4, 8]);
  scaler.update(32);
  expect(scaler.getScale()).toBe(32);
  scaler.setGrowthFactor(3);
  scaler.setBackoffFactor(0.25);
  scaler.setGrowthInterval(1);
  expect([scaler.getGrowthFactor(), scaler.getBackoffFactor(), scaler.getGrowthInterval()]).toEqual([
    3, 0.25, 1,
  ]);
  const w = ones([1], { requiresGrad: true });
  const optimizer = new optim.SGD([w], { lr: 0.5 });
  scaler.scale(w.sum()).backward();
  scaler.step(optimizer);
  scaler.update();
  expect([w.item(), scaler.getScale()]).toEqual([0.5, 96]);
  expect(() => scaler.update(0)).toThrow(/newScale must be a number > 0/);
  expect(() => scaler.setGrowthFactor(1)).toThrow(/factor must be a number > 1/);
});
