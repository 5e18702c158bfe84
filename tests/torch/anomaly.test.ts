// Anomaly mode: errors of backward name the operator, the module and the line of its forward.
import { afterEach, describe, expect, test } from "vitest";
import { autograd, nn, ones, setDetectAnomaly, tensor, zeros } from "sconce/torch";
import type { Tensor } from "sconce/torch";

class Logarithm extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.mul(0).log().mul(0).neg(); // line of the operator whose gradient is not a number
  }
}

class Net extends nn.Module {
  readonly layers = new nn.Sequential(new nn.Linear(2, 2), new Logarithm());

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x) as Tensor;
  }
}

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

afterEach(() => setDetectAnomaly(false));

describe("detectAnomaly", () => {
  test("names the operator, the module and the line", () => {
    const model = new Net();
    const step = () =>
      model
        .forward(ones([1, 2]))
        .sum()
        .backward();
    const message = failure(() => autograd.detectAnomaly(step, { model }));
    expect(message).toMatch(
      /^backward: Function '\w+Backward0' returned nan values in its 0th output\. Forward: layers\.1 \(at \S+anomaly\.test\.ts:\d+:\d+\)\.$/,
    );
    expect([Object.hasOwn(model, "forward"), autograd.isAnomalyEnabled()]).toEqual([false, false]);
    expect(failure(step)).toBe("no error");
  });

  test("names the line alone without a model, and says so when the forward was not recorded", () => {
    const x = zeros([1], { requiresGrad: true });
    expect(failure(() => autograd.detectAnomaly(() => x.sqrt().mul(0).backward()))).toMatch(
      /Function 'SqrtBackward0' returned nan values in its 0th output\. Forward: \(at .*anomaly\.test\.ts/,
    );
    const y = x.sqrt().mul(0);
    expect(failure(() => autograd.detectAnomaly(() => y.backward()))).toMatchInlineSnapshot(
      `"backward: Function 'SqrtBackward0' returned nan values in its 0th output. Its forward was not recorded: switch anomaly detection on before the forward pass."`,
    );
  });

  test("names the place of a tensor that was changed in place, and of a gradient's own graph", () => {
    const x = ones([1], { requiresGrad: true });
    const changed = () => {
      const y = x.exp();
      y.add_(1);
      y.backward();
    };
    expect(failure(() => autograd.detectAnomaly(changed, { checkNan: false }))).toMatch(
      /modified by an inplace operation[^]* Forward: \(at .*anomaly\.test\.ts/,
    );
    const z = zeros([1], { requiresGrad: true });
    const second = () => {
      const [first] = autograd.grad(z.pow(1.5), z, { createGraph: true });
      first!.mul(0).backward();
    };
    expect(failure(() => autograd.detectAnomaly(second))).toMatch(
      /Made in the backward of 'PowBackward0'\. Forward: /,
    );
  });

  test("looks for NaN only when it should", () => {
    const x = zeros([1], { requiresGrad: true });
    autograd.detectAnomaly(() => x.sqrt().mul(0).backward(), { checkNan: false });
    expect(x.grad!.isnan().item()).toBe(true);
  });

  test("leaves what callbacks throw as it is, and is undone after a throw", () => {
    const x = ones([1], { requiresGrad: true });
    const error = new RangeError("stop");
    x.registerHook(() => {
      throw error;
    });
    const limit = Error.stackTraceLimit;
    expect(() => autograd.detectAnomaly(() => x.mul(2).backward())).toThrow(error);
    expect([Error.stackTraceLimit, autograd.isAnomalyEnabled()]).toEqual([limit, false]);
  });
});

test("setDetectAnomaly stays on until it is switched off", () => {
  const x = zeros([1], { requiresGrad: true });
  setDetectAnomaly(true);
  setDetectAnomaly(true, { checkNan: false });
  expect([autograd.isAnomalyEnabled(), autograd.isAnomalyCheckNanEnabled()]).toEqual([true, false]);
  setDetectAnomaly(true);
  expect(() => x.sqrt().mul(0).backward()).toThrow("returned nan");
  setDetectAnomaly(false);
  x.sqrt().mul(0).backward();
});

test("moduleScope names a part that is no module, and nests", () => {
  setDetectAnomaly(true);
  const x = tensor([0], { requiresGrad: true });
  const y = autograd.moduleScope("head", () => {
    autograd.moduleScope("head.inner", () => x.exp());
    return x.sqrt().mul(0);
  });
  expect(() => y.backward()).toThrow(/Forward: head \(at /);
});

test("hooks of a model's modules stay when anomaly mode ends", () => {
  const layer = new nn.Linear(2, 2);
  const seen: string[] = [];
  layer.registerForwardHook((module) => void seen.push(module.constructor.name));
  const x = ones([1, 2]);
  autograd.detectAnomaly(() => layer.forward(x), { model: layer });
  layer.forward(x);
  expect(seen).toEqual(["Linear", "Linear"]);
});
