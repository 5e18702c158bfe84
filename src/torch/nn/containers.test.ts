// Containers: names, order and what changes them.
import { describe, expect, test } from "vitest";
import { nn, ones, tensor } from "../index.ts";

const keys = (module: nn.Module) => [...module.stateDict().keys()];
const linear = (inFeatures: number, outFeatures: number) =>
  new nn.Linear(inFeatures, outFeatures, { bias: false });

describe("ModuleList", () => {
  test("holds, grows and iterates in order", () => {
    const [a, b] = [new nn.ReLU(), new nn.Tanh()];
    const list = new nn.ModuleList<nn.Module>([a]);
    list.append(b);
    expect([list.length, list.at(-1), [...list]]).toEqual([2, b, [a, b]]);
    expect(() => list.at(2)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleList.at: index must be within 2 members, got 2.]`,
    );
    const many = new nn.ModuleList(Array.from({ length: 12 }, () => linear(1, 1)));
    expect(keys(many).at(-1)).toBe("11.weight");
  });

  test("inserts, replaces and takes out, naming the rest anew", () => {
    const [a, b, c] = [linear(1, 1), linear(2, 2), linear(3, 3)];
    const list = new nn.ModuleList([a, c]).insert(1, b);
    expect([...list]).toEqual([a, b, c]);
    expect(keys(list)).toEqual(["0.weight", "1.weight", "2.weight"]);
    expect(list.pop(0)).toBe(a);
    list.set(-1, a);
    expect([...list]).toEqual([b, a]);
    expect(list.getParameter("1.weight")).toBe(a.weight);
    expect(Array.from(list.insert(2, c).slice(1))).toEqual([a, c]);
    expect(() => list.insert(4, a)).toThrow("index must be within 3 members, got 4");
    expect(() => list.pop(0.5)).toThrow("got 0.5");
  });
});

describe("Sequential", () => {
  test("passes on what each gives; an empty one its input", () => {
    const x = tensor([[-1, 2]]);
    expect(new nn.Sequential(new nn.ReLU(), new nn.ReLU()).forward(x).tolist()).toEqual([[0, 2]]);
    expect(new nn.Sequential().forward(x)).toBe(x);
  });

  test("takes names from an object or a map, and keeps them in a slice", () => {
    const net = new nn.Sequential({ hidden: linear(2, 3), act: new nn.ReLU(), out: linear(3, 1) });
    expect(keys(net)).toEqual(["hidden.weight", "out.weight"]);
    expect(net.forward(ones([1, 2])).shape).toEqual([1, 1]);
    expect(keys(net.slice(1))).toEqual(["out.weight"]);
    expect(net.slice(0, 1).forward(ones([1, 2])).shape).toEqual([1, 3]);
    expect(keys(new nn.Sequential(new Map([["7", linear(1, 1)], ["3", linear(1, 1)]])))).toEqual(["7.weight", "3.weight"]); // prettier-ignore
    expect(net.append(new nn.ReLU()).length).toBe(4);
  });
});

describe("ModuleDict", () => {
  test("keeps the order of its names, whole numbers too", () => {
    const dict = new nn.ModuleDict(new Map([["2", linear(1, 1)], ["1", linear(1, 2)]])); // prettier-ignore
    dict.set("a", linear(2, 2)).set("2", linear(3, 3));
    expect(keys(dict)).toEqual(["2.weight", "1.weight", "a.weight"]);
    expect(dict.get("2").inFeatures).toBe(3);
    expect([dict.delete("1"), dict.delete("1"), dict.keys(), dict.size]).toEqual([
      true,
      false,
      ["2", "a"],
      2,
    ]);
    expect([...dict].map(([name]) => name)).toEqual(["2", "a"]);
    expect(dict.values()).toHaveLength(2);
    expect([...dict.modules()]).toHaveLength(3);
  });

  test("says which names there are, and refuses those of methods", () => {
    const dict = new nn.ModuleDict({ topic: linear(1, 1), mood: linear(1, 1) });
    expect(() => dict.get("mod")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleDict.get: there is no "mod". Did you mean "mood"? Valid: mood, topic.]`,
    );
    expect(() => dict.set("get", linear(1, 1))).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: ModuleDict.addModule: the name must be free, not empty and without a dot, got "get" (ModuleDict has a method of that name). Take another.]`,
    );
  });
});

test("ParameterList and ParameterDict make parameters of tensors and find them", () => {
  const list = new nn.ParameterList([ones([2]), ones([1])]).append(ones([3]));
  expect([keys(list), list.at(2).requiresGrad, list.countParameters()]).toEqual([["0", "1", "2"], true, 6]);
  const dict = new nn.ParameterDict({ b: ones([2]), a: ones([1, 3]) });
  dict.set("0", dict.get("a"));
  expect(keys(dict)).toEqual(["b", "a", "0"]);
  expect(dict.parameters()).toHaveLength(2);
  expect(`${list.toString()}\n${dict.toString()}`).toMatchInlineSnapshot(`
    "ParameterList(
      (0): Parameter containing: [torch.float32 of size 2]
      (1): Parameter containing: [torch.float32 of size 1]
      (2): Parameter containing: [torch.float32 of size 3]
    )
    ParameterDict(
      (b): Parameter containing: [torch.float32 of size 2]
      (a): Parameter containing: [torch.float32 of size 1x3]
      (0): Parameter containing: [torch.float32 of size 1x3]
    )"
  `);
});

test("lists refuse what is not a list of members", () => {
  const messages = [
    () => new nn.ModuleList(5 as unknown as nn.Module[]),
    () => new nn.ModuleList(new nn.ReLU() as unknown as nn.Module[]),
    () => new nn.ModuleList<nn.Module>([]).extend(null as unknown as nn.Module[]),
    () => new nn.ParameterList(3 as unknown as []),
  ].map((make) => {
    try {
      return String(make());
    } catch (error) {
      return String(error);
    }
  });
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "UsageError: ModuleList: the members must be in an array or another iterable, got 5. Write [member].
    UsageError: ModuleList: the members must be in an array or another iterable, got ReLU. Write [member].
    UsageError: ModuleList: the members must be in an array or another iterable, got null. Write [member].
    UsageError: ParameterList: the members must be in an array or another iterable, got 3. Write [member]."
  `);
});
