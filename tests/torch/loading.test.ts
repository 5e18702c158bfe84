// When libtorch is loaded: not by naming layers and operators, but when something is first asked of it.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const built = (layer: string) => JSON.stringify(new URL(`../../dist/src/${layer}.js`, import.meta.url).href);

/** Runs a program in a process of its own and returns what it says. */
function answersOf(program: string, env = {}): unknown {
  const script = `
    const isLoaded = () => process.report.getReport().sharedObjects.some((path) => /libtorch|libc10|sconce\\.node/.test(path));
    ${program}`;
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], options));
}

test("imports of every layer, and classes of their own, leave it alone; the first tensor loads it", () => {
  const answers = answersOf(`
    const torch = await import(${built("torch/index")});
    for (const layer of ${JSON.stringify(["index", "models/index", "testing/index"].map((layer) => JSON.parse(built(layer))))})
      await import(layer);
    class Net extends torch.nn.Module {
      constructor() {
        super();
        this.weight = new torch.nn.Parameter(torch.ones([2]));
      }
    }
    const before = [isLoaded(), torch.float32, typeof torch.version];
    const sum = new Net().weight.add(1).sum().item();
    console.log(JSON.stringify([before, isLoaded(), sum]));`);
  expect(answers).toEqual([[false, "float32", "string"], true, 4]);
});

test("the version is that of the library that is loaded then", async () => {
  const { loadNative } = await import("../../src/torch/native.ts");
  const { version } = await import("../../src/torch/index.ts");
  expect(version).toBe(loadNative().version());
});

test("without the addon imports work, and what needs it says where it was looked for, each time", () => {
  const answers = answersOf(
    `
    const torch = await import(${built("torch/index")});
    const refusal = (run) => { try { run(); return "none"; } catch (error) { return error.name + ": " + error.message; } };
    console.log(JSON.stringify([torch.version, refusal(() => torch.ones([1])), refusal(() => torch.getNumThreads())]));`,
    { SCONCE_ADDON: "/nowhere/sconce.node" },
  );
  const told =
    "SetupError: sconce/torch: the addon is not built, looked for /nowhere/sconce.node. Run: npx sconce setup";
  expect(answers).toEqual(["unknown", told, told]);
});
