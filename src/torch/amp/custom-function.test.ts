// Custom functions under autocast: which precision their passes see, as customFwd and customBwd of PyTorch give it.
import { describe, expect, test } from "vitest";
import { amp, autocast, autograd, ones, tensor } from "../index.ts";
import type { Dtype, Tensor } from "../index.ts";

/** A matrix product that records the dtypes of its input, its product and its gradient's product. */
function product(castInputs?: Dtype) {
  const seen: Dtype[] = [];
  const options = castInputs === undefined ? { device: "cpu" } : { device: "cpu", castInputs };
  class Product extends autograd.Function {
    static override forward = amp.customFwd(
      (ctx: autograd.FunctionContext, x: Tensor, { weight }: { weight: Tensor }) => {
        ctx.saveForBackward(x, weight);
        const y = x.mm(weight);
        seen.push(x.dtype, weight.dtype, y.dtype);
        return y;
      },
      options,
    );
    static override backward = amp.customBwd(
      (ctx: autograd.FunctionContext, gradient: Tensor) => {
        const [x, weight] = ctx.savedTensors as [Tensor, Tensor];
        const back = gradient.float().mm(weight.float().t());
        seen.push(gradient.dtype, back.dtype);
        return [back.to(x.dtype), null];
      },
      { device: "cpu" },
    );
  }
  return { Product, seen };
}
const inputs = (dtype: Dtype = "float32") =>
  [ones([2, 2], { requiresGrad: true }), { weight: ones([2, 2], { dtype }) }] as const;

describe("under autocast", () => {
  test("both passes run in its precision", () => {
    const { Product, seen } = product();
    const [x, rest] = inputs();
    autocast({ dtype: "bfloat16" }, () => Product.apply(x, rest))
      .sum()
      .backward();
    expect(seen).toEqual(["float32", "float32", "bfloat16", "bfloat16", "bfloat16"]);
  });

  test("castInputs gives both one precision, and casts nested floats of the device but not float64", () => {
    const { Product, seen } = product("float32");
    const [x, rest] = inputs("float16");
    autocast({ dtype: "bfloat16" }, () => {
      const y = Product.apply(x, rest);
      expect(ones([2, 2]).mm(ones([2, 2])).dtype).toBe("bfloat16");
      y.sum().backward();
    });
    expect(seen).toEqual(["float32", "float32", "float32", "float32", "float32"]);
    const wide = product("float32");
    const double = { weight: ones([2, 2], { dtype: "float64" }) };
    expect(() => autocast({}, () => wide.Product.apply(x, double))).toThrow(/double/i);
  });
});

test("outside of autocast nothing is cast, and backward stays outside of a later one", () => {
  const { Product, seen } = product("bfloat16");
  const [x, rest] = inputs();
  const y = Product.apply(x, rest).sum();
  autocast({ dtype: "bfloat16" }, () => y.backward());
  expect(seen).toEqual(["float32", "float32", "float32", "float32", "float32"]);
});

test("customBwd needs customFwd", () => {
  class Half extends autograd.Function {
    static override forward(_ctx: autograd.FunctionContext, x: Tensor) {
      return x.mul(2);
    }
    static override backward = amp.customBwd((_ctx: autograd.FunctionContext, gradient: Tensor) => gradient, {
      device: "cpu",
    });
  }
  const y = Half.apply(tensor([1], { requiresGrad: true }));
  expect(() => y.backward()).toThrow(
    "customBwd: the forward must be wrapped by customFwd, got one that is not.",
  );
  expect(() => amp.customFwd(() => 1, {} as { device: string })).toThrow(/device must name a kind/);
});

test("isAutocastAvailable tells devices apart and refuses what is none", () => {
  expect(["cpu", "cuda", "meta"].map((device) => amp.isAutocastAvailable(device))).toEqual([
    true,
    true,
    false,
  ]);
  expect(() => amp.isAutocastAvailable("gpu")).toThrow(/device/i);
});
