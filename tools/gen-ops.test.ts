// The generator of the operator surface: the schema grammar, what is public, and that the committed files are current.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { native } from "../src/torch/native.ts";
import { readCatalog } from "./gen-ops/catalog.ts";
import type { Catalog, Space } from "./gen-ops/catalog.ts";
import { denialReason } from "./gen-ops/deny.ts";
import { generateFiles, isFunction, isMethod } from "./gen-ops/files.ts";
import { argumentName, camelCase, declarable } from "./gen-ops/names.ts";
import { planOperator } from "./gen-ops/plan.ts";
import { parseSchema, parseType, qualifiedName } from "./gen-ops/schema.ts";
import { signatureLines } from "./gen-ops/signature.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const libtorch = join(root, "native/build/libtorch.json");
const yaml = existsSync(libtorch)
  ? join(
      (JSON.parse(readFileSync(libtorch, "utf8")) as { operators: string }).operators,
      "native_functions.yaml",
    )
  : undefined;
const missing =
  yaml === undefined
    ? "native/build/libtorch.json is absent"
    : existsSync(yaml)
      ? undefined
      : "the libtorch in use came without native_functions.yaml";

describe("names", () => {
  test("are camelCase with what carries meaning kept", () => {
    const pairs = ["log_softmax", "add_", "matrix_exp", "numpy_T", "bmm", "nan_to_num_", "i0e"];
    expect(pairs.map(camelCase)).toEqual([
      "logSoftmax",
      "add_",
      "matrixExp",
      "numpyT",
      "bmm",
      "nanToNum_",
      "i0e",
    ]);
    expect(argumentName("self")).toBe("input");
    expect(["var", "sum"].map(declarable)).toEqual(["$var", "sum"]);
  });
});

describe("parseSchema", () => {
  test("reads names, overloads, keyword-only arguments and defaults", () => {
    const schema = parseSchema("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor");
    expect(qualifiedName(schema)).toBe("add.Tensor");
    expect(schema.arguments.map((a) => [a.name, a.type.base, a.default, a.keywordOnly])).toEqual([
      ["self", "Tensor", undefined, false],
      ["other", "Tensor", undefined, false],
      ["alpha", "Scalar", "1", true],
    ]);
    expect(schema.returns).toHaveLength(1);
  });

  test("reads no arguments, no results and a default with a comma inside", () => {
    expect(parseSchema("aten::f() -> ()").returns).toEqual([]);
    expect(parseSchema("aten::f() -> ()").arguments).toEqual([]);
    const [pad, mode] = parseSchema('aten::f(int[2] pad=[0, 1], str mode="a, b(") -> Tensor').arguments;
    expect([pad!.default, mode!.default]).toEqual(["[0, 1]", '"a, b("']);
  });

  test("reads named results and lists that may be changed", () => {
    const schema = parseSchema(
      "aten::f(Tensor(a!)[] self, Tensor?[] at) -> (Tensor(a!) values, Tensor indices)",
    );
    expect(schema.returns.map(({ name, type }) => [name, type.alias])).toEqual([
      ["values", { set: "a", write: true }],
      ["indices", undefined],
    ]);
    expect(schema.arguments[1]!.type).toMatchObject({ base: "Tensor", list: "any", elementOptional: true });
  });

  test("reads the alias of a list's elements, `Tensor(a -> *)`, as an alias", () => {
    const schema = parseSchema("aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]");
    expect(schema.arguments[0]).toMatchObject({ name: "self", type: { alias: { set: "a", write: false } } });
    expect(schema.returns[0]!.type).toMatchObject({ base: "Tensor", list: "any" });
  });

  test.each([
    ["int[1]?", { base: "int", list: 1, optional: true, elementOptional: false }],
    ["SymInt[]", { base: "int", list: "any", optional: false }],
    ["SymBool", { base: "bool" }],
    ["float[]?", { base: "float", list: "any", optional: true }],
    ["Tensor(b!)", { base: "Tensor", alias: { set: "b", write: true } }],
    ["__torch__.torch.classes.rnn.CellParamsBase[]", { base: "__torch__.torch.classes.rnn.CellParamsBase" }],
  ])("reads the type %s", (text, expected) => expect(parseType(text)).toMatchObject(expected));

  test("names what it cannot read", () => {
    expect(() => parseSchema("no schema")).toThrowErrorMatchingInlineSnapshot(
      `[Error: parseSchema: cannot read the name in "no schema". This is a bug in Sconce.]`,
    );
    expect(() => parseSchema("aten::f(int a)")).toThrowErrorMatchingInlineSnapshot(
      `[Error: parseSchema: no " -> " after the arguments in "aten::f(int a)". This is a bug in Sconce.]`,
    );
    expect(() => parseSchema("aten::f(int[2 a -> Tensor")).toThrowErrorMatchingInlineSnapshot(
      `[Error: parseSchema: a bracket is left open in "aten::f(int[2 a -> Tensor". This is a bug in Sconce.]`,
    );
    expect(() => parseSchema('aten::f(str a="x) -> Tensor')).toThrowErrorMatchingInlineSnapshot(
      `[Error: parseSchema: a quote is left open in "aten::f(str a=\\"x) -> Tensor". This is a bug in Sconce.]`,
    );
  });

  test("reads every aten schema of the linked libtorch and loses none of its words", () => {
    const words = (text: string) =>
      text.match(/\w+/g)!.filter((word) => !/^(SymInt|SymBool|int|bool)$/.test(word));
    const schemas = native.listSchemas().filter((text) => text.startsWith("aten::"));
    expect(schemas.length).toBeGreaterThan(3000);
    for (const text of schemas) {
      const schema = parseSchema(text);
      const names = schema.arguments.map(({ name }) => name);
      expect(new Set(names).size, text).toBe(names.length);
      expect(words(text), text).toEqual(expect.arrayContaining([schema.name, ...names]));
    }
  });
});

test("every denial has a reason, and public operators have none", () => {
  expect(denialReason("_softmax")).toBe("private to libtorch");
  expect(denialReason("native_layer_norm_backward")).toBe("a gradient formula, reached through autograd");
  expect(denialReason("view_copy")).toMatch("copying twin");
  for (const name of ["add", "softmax", "conv2d", "layer_norm", "copy_"])
    expect(denialReason(name)).toBe(undefined);
});

describe.skipIf(missing !== undefined)(
  `the generated files (${missing ?? "checked against libtorch"})`,
  () => {
    const catalog: Catalog = missing
      ? { operators: [], table: [] }
      : readCatalog(native.listSchemas(), readFileSync(yaml!, "utf8"));

    test("are what the generator writes now", () => {
      for (const [name, text] of generateFiles(catalog)) {
        // not toBe: a difference of 500 kB would be printed whole
        expect(
          readFileSync(join(root, "src/torch", name), "utf8") === text,
          `${name}: run npm run gen-ops`,
        ).toBe(true);
      }
    });

    test("hold as many operators as were counted by hand", () => {
      const count = (space: Space) =>
        catalog.operators.filter((o) => o.space === space && isFunction(o)).length;
      expect({
        torch: count("torch"),
        nn: count("nn"),
        linalg: count("linalg"),
        fft: count("fft"),
        special: count("special"),
        names: catalog.operators.length,
        methods: catalog.operators.filter(isMethod).length,
        overloads: catalog.operators.flatMap((operator) => operator.overloads).length,
        outs: catalog.operators.flatMap((operator) => operator.overloads).filter(({ out }) => out).length,
      }).toMatchInlineSnapshot(`
        {
          "fft": 22,
          "linalg": 42,
          "methods": 495,
          "names": 863,
          "nn": 77,
          "outs": 488,
          "overloads": 1146,
          "special": 56,
          "torch": 529,
        }
      `);
    });

    test("try the overload without options first, and the tensor before the number", () => {
      const lines = (name: string) =>
        signatureLines(
          planOperator(
            catalog.operators.find((operator) => operator.name === name)!,
            false,
          ),
        );
      expect(lines("sum")).toMatchInlineSnapshot(`
        [
          "sum(input: Tensor, { dtype? })",
          "sum(input: Tensor, dim: number | number[] | null, keepdim = false, { dtype?, out? })",
        ]
      `);
      expect(lines("add")).toMatchInlineSnapshot(`
        [
          "add(input: Tensor, other: Tensor, { alpha = 1, out? })",
          "add(input: Tensor, other: Scalar, { alpha = 1, out? })",
        ]
      `);
      expect(lines("std")).toMatchInlineSnapshot(`
        [
          "std(input: Tensor, unbiased = true)",
          "std(input: Tensor, dim?, { correction?, keepdim = false, out? })",
          "std(input: Tensor, dim: number | number[] | null, unbiased = true, keepdim = false, { out? })",
        ]
      `);
    });

    test("take a list one by one where it is all that is given by place", () => {
      const variadic = (isOfMethods: boolean) =>
        catalog.operators
          .filter(isOfMethods ? isMethod : isFunction)
          .filter((operator) => planOperator(operator, isOfMethods).variadic.length > 0)
          .map(({ publicName }) => publicName)
          .sort();
      expect(variadic(false)).toEqual(["empty", "ones", "rand", "randn", "zeros"]);
      expect(variadic(true)).toMatchInlineSnapshot(`
        [
          "broadcastTo",
          "countNonzero",
          "dsplit",
          "expand",
          "flip",
          "hsplit",
          "newEmpty",
          "newOnes",
          "newZeros",
          "permute",
          "repeat",
          "reshape",
          "resize_",
          "squeeze",
          "squeeze_",
          "sumToSize",
          "tile",
          "view",
          "vsplit",
        ]
      `);
    });

    test("write into the option out where Python does, and with one overload for each", () => {
      const outs = (name: string) =>
        catalog.operators
          .find((operator) => operator.name === name)!
          .overloads.map(({ schema, out }) => [qualifiedName(schema), out && catalog.table[out.index]]);
      expect(outs("add")).toEqual([
        ["add.Scalar", "add.out"],
        ["add.Tensor", "add.out"],
      ]);
      expect(outs("max")).toEqual([
        ["max", "max.unary_out"],
        ["max.dim", "max.dim_max"],
        ["max.other", "max.out"],
      ]);
      // without the options of a new tensor
      expect(outs("zeros")).toEqual([["zeros", "zeros.out"]]);
      expect(outs("eye")).toEqual([
        ["eye", "eye.out"],
        ["eye.m", "eye.m_out"],
      ]);
      for (const name of ["add_", "relu", "elu", "masked_fill", "zeros_like", "new_zeros"])
        expect(
          outs(name).every(([, out]) => out === undefined),
          name,
        ).toBe(true);
    });

    test("name every operator of the table only once", () => {
      expect(new Set(catalog.table).size).toBe(catalog.table.length);
    });

    test("refuse a yaml with a module that nobody has placed", () => {
      expect(() =>
        readCatalog(
          ["aten::f(Tensor self) -> Tensor"],
          "- func: f(Tensor self) -> Tensor\n  python_module: odd",
        ),
      ).toThrowErrorMatchingInlineSnapshot(`[Error: readCatalog: f is in the unknown python_module "odd".]`);
    });
  },
);
