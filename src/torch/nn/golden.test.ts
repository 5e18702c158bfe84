// Layers, losses and functions against PyTorch, case by case from the table that tools/golden/nn.py wrote, and that no
// layer is left out. Cases whose calls take code: ./recurrent.test.ts, ./transformer.test.ts, ./embedding.test.ts.
import { expect, test } from "vitest";
import { goldenCases, testLayers } from "../../../tests/golden-layers.ts";
import { nn } from "../index.ts";

testLayers("layers");

test("every layer and loss has a golden case", () => {
  // bases of layers, and containers, which compute nothing of their own: ./module.test.ts, ./containers.test.ts
  const withoutCase = new Set(
    "Module ModuleDict ModuleList ParameterDict ParameterList RNNBase RNNCellBase Sequential".split(" "),
  );
  const layers = Object.entries(nn).flatMap(([name, value]) =>
    typeof value === "function" && (value === nn.Module || value.prototype instanceof nn.Module)
      ? [name]
      : [],
  );
  const tested = ["layers", "recurrent", "transformer", "embedding"].flatMap((file) =>
    goldenCases(file).flatMap(({ target, text }) => (text === undefined ? [] : [target])),
  );
  expect(new Set([...tested, ...withoutCase])).toEqual(new Set(layers));
});
