import { describe, expect, test, vi } from "vitest";
import { nodeOf } from "../node.ts";
import { readYaml } from "../omega/read-yaml.ts";
import { applyOverrides } from "./apply-overrides.ts";
import { type PartialCall, instantiate } from "./instantiate.ts";
import { parseOverride } from "./parse-override.ts";
import { type TargetLookup, targetTable } from "./target.ts";

class Adam {
  readonly params: unknown;
  readonly options: unknown;

  constructor(params: unknown, options: unknown) {
    this.params = params;
    this.options = options;
  }
}

const table = targetTable({
  "torch.optim.Adam": { target: Adam, parameters: ["params"] },
  "torch.nn.Linear": { target: (...args: unknown[]) => args, parameters: ["in_features", "out_features"] },
  "demo.keep": (options: { part: unknown }) => options.part,
  "demo.boom": () => {
    throw new RangeError("too small");
  },
});

const make = (yaml: string, options: object = {}) =>
  instantiate(readYaml(yaml, "conf/model.yaml"), { ...table, ...options });

const message = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    expect(error).toMatchObject({ code: "config" });
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

test("parameters are given by name or position, and all else as options in camelCase", () => {
  expect(
    make("{_target_: torch.nn.Linear, out_features: 2, in_features: 4, bias: false, max_norm_: 1}"),
  ).toEqual([4, 2, { bias: false, maxNorm_: 1 }]);
  expect(make("{_target_: torch.nn.Linear, _args_: [4], out_features: 2}")).toEqual([4, 2]);
  expect(make("{_target_: torch.nn.Linear, in_features: 4, bias: true}")).toEqual([
    4,
    undefined,
    { bias: true },
  ]);
  expect(make("{_target_: torch.optim.Adam, lr: 1e-3, weight_decay: 0.01}", { args: [["p"]] })).toEqual(
    new Adam(["p"], { lr: 1e-3, weightDecay: 0.01 }),
  );
});

test("a partial call takes the rest of its arguments later, as often as it is made", () => {
  const optimizer = make("{_target_: torch.optim.Adam, _partial_: true, lr: 0.1}") as PartialCall;
  expect(optimizer("first")).toEqual(new Adam("first", { lr: 0.1 }));
  expect(optimizer.with({ lr: 1, weight_decay: 2 })("second")).toEqual(
    new Adam("second", { lr: 1, weightDecay: 2 }),
  );
  expect(optimizer("third")).toEqual(new Adam("third", { lr: 0.1 }));
  expect(message(() => optimizer.with({ params: 1 })(2))).toBe(
    'conf/model.yaml:1:12: torch.optim.Adam is given "params" twice. Delete one.',
  );
});

test("what is no data goes through as it is", () => {
  const [params, hook] = [[new Adam(1, 2)], () => 1];
  const made = make("{_target_: torch.optim.Adam, lr: 0.1}", {
    args: [params],
    kwargs: { hook, lr: 0.2 },
  }) as Adam;
  expect(made.params).toBe(params);
  expect(made.options).toEqual({ hook, lr: 0.2 });
});

test("the config that was given stays as it was", () => {
  const node = readYaml("{_target_: torch.optim.Adam, a: {b: 1}}", "x.yaml");
  const before = structuredClone(node);
  const made = instantiate(node, { ...table, kwargs: { a: { b: 2 } }, args: [1] }) as {
    options: { a: object };
  };
  Object.assign(made.options.a, { b: 3 });
  expect(node).toEqual(before);
});

test("data handed over without _recursive_ still knows its place, unless it is converted", () => {
  const yaml = (convert: string) =>
    `_target_: demo.keep\n_recursive_: false\n_convert_: ${convert}\npart:\n  _target_: demo.bom\n`;
  expect(message(() => instantiate(make(yaml("none")), table))).toMatch(
    /^conf\/model\.yaml:5:13: _target_: no target/,
  );
  for (const convert of ["partial", "object", "all"])
    expect(message(() => instantiate(make(yaml(convert)), table))).toMatch(/^config: _target_: no target/);
});

test("what an override wrote is named by it", () => {
  const config = readYaml("optimizer: {_target_: torch.optim.Adam}", "conf/model.yaml");
  applyOverrides(config as never, [parseOverride("optimizer._target_=torch.optim.Adm")]);
  expect(message(() => instantiate(config, table))).toBe(
    'optimizer._target_=torch.optim.Adm: optimizer._target_: no target is known as "torch.optim.Adm"; a config never imports code. ' +
      'Did you mean "torch.optim.Adam"? Valid: demo.boom, demo.keep, torch.nn.Linear, torch.optim.Adam.',
  );
});

test("all that is wrong is told at once, before anything is called", () => {
  const called = vi.fn();
  const yaml =
    "a: {_target_: demo.run}\nb: {_target_: demo.x, _partial_: 1}\nc: {_target_: demo.run, v: ???, _convert_: some}";
  expect(message(() => instantiate(readYaml(yaml, "x.yaml"), targetTable({ "demo.run": called })))).toBe(
    [
      "x.yaml:2:34: b._partial_: must be true or false, got 1.",
      'x.yaml:2:15: b._target_: no target is known as "demo.x"; a config never imports code. Valid: demo.run.',
      'x.yaml:3:44: c._convert_: must be one of none, partial, object, all, got "some".',
      'x.yaml:3:28: c.v: the value is missing ("???"). Give it one.',
    ].join("\n"),
  );
  expect(called).not.toHaveBeenCalled();
});

test("an error of the target keeps its cause and gets its place", () => {
  const error = (() => {
    try {
      return make("model:\n  layers: [{_target_: demo.boom}]");
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({
    message: "conf/model.yaml:2:23: model.layers.0: the call of demo.boom failed: too small",
    cause: expect.any(RangeError) as RangeError,
  });
});

describe("no config reaches code that the table does not hold", () => {
  const hostile = [
    "os.system", "builtins.eval", "builtins.exec", "subprocess.Popen", "node:child_process.exec", "child_process.exec", "fs.rmSync", "process.exit",
    "constructor", "__proto__", "__proto__.x", "prototype", "a.constructor", "constructor.constructor", "torch.optim.Adam.constructor", "torch.optim.Adam.prototype",
    "toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "__defineGetter__", "__lookupGetter__", "demo.keep.call", "demo.keep.apply", "demo.keep.bind",
    "eval", "Function", "globalThis.eval", "require", "import('fs')", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "data:text/javascript,1", "torch.optim.Adam()",
    "torch.optim.Adam;eval", "torch.optim.Adam ", " torch.optim.Adam", "torch..optim.Adam", ".torch", "torch.", "torch/optim/Adam", "torch.optim.adam", "torch.optim.Adam\0", "torch.optim.Adam\n",
    "ｔorch.optim.Adam", "torch.optim.Аdam", "0", "x".repeat(100_000), "a.".repeat(50_000),
  ]; // prettier-ignore
  const globals = globalThis as unknown as Record<string, never>;
  const careless = { demo: { keep: () => 1 }, eval: globals["eval"], Function } as unknown as Record<
    string,
    never
  >;
  const walk = (name: string): unknown =>
    name
      .split(".")
      .reduce<unknown>((part, step) => (part as Record<string, unknown> | undefined)?.[step], careless);

  test.each<[string, TargetLookup]>([
    ["a table", table.lookup],
    ["a careless lookup in an object", (name) => careless[name]],
    ["a lookup that walks", (name) => walk(name) as never],
  ])("%s", (_name, lookup) => {
    for (const target of hostile) {
      const text = message(() => instantiate({ _target_: target, _args_: ["1"] }, { lookup }));
      expect(text).toMatch(/^config: _target_: no target is known as /);
      expect(text.length).toBeLessThan(200);
    }
  });

  test("arguments cannot touch a prototype", () => {
    for (const key of ["__proto__", "constructor", "prototype"]) {
      const config = JSON.parse(`{"_target_": "demo.keep", "${key}": {"polluted": 1}}`) as object;
      expect(message(() => instantiate(config, table))).toMatch(/cannot be the name of an argument/);
    }
    const nested = JSON.parse('{"_target_": "demo.keep", "part": {"__proto__": {"polluted": 1}}}') as object;
    const part = instantiate(nested, table) as Record<string, unknown>;
    expect(part["polluted"]).toBeUndefined();
    expect(Object.getPrototypeOf(part)).toBe(Object.prototype);
  });

  test("a circle and a deep config end", () => {
    const circle: Record<string, unknown> = { _target_: "demo.keep" };
    circle["part"] = circle;
    expect(message(() => instantiate(circle, table))).toMatch(/more than 64 levels of nesting/);
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 100_000; depth++) deep = { a: deep };
    expect(message(() => instantiate(deep, table))).toMatch(/more than 64 levels of nesting/);
  });
});

test.each([
  [5, "config: a mapping or a list can be instantiated, got a number."],
  ["text", "config: a mapping or a list can be instantiated, got a string."],
  [{ a: 1 }, "config: arguments need a target to be given to. Add _target_."],
])("%j cannot be instantiated with arguments", (config, expected) => {
  expect(message(() => instantiate(config, { ...table, args: [1] }))).toBe(expected);
});

test("a table cannot hold a name that a config may not write", () => {
  for (const name of ["demo.call", "constructor", "a b", ""])
    expect(() => targetTable({ [name]: Adam })).toThrow(/cannot be the name of a target/);
});

test("null makes null, and data makes data", () => {
  expect(instantiate(null, table)).toBeNull();
  expect(instantiate(nodeOf(null, { source: "x" }), table)).toBeNull();
  expect(instantiate({ a: [1, { b: "c" }] }, table)).toEqual({ a: [1, { b: "c" }] });
});
