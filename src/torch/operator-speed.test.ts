// What the generated surface costs in compiled code: its share of start-up and of a small operator call. Prints the
// numbers; the bounds are wide, since test machines are shared. Needs a build in dist.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";

const dist = new URL("../../dist/src/torch/", import.meta.url);
const isBuilt = existsSync(new URL("index.js", dist));

/** Runs a module that prints JSON, with `load(file)` to import compiled files of src/torch. */
function runCompiled(script: string): Record<string, number> {
  const source = `const load = (file) => import(new URL(file, ${JSON.stringify(dist.href)}).href);\n${script}`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", source], {
    encoding: "utf8",
  });
  return JSON.parse(output) as Record<string, number>;
}

test.skipIf(!isBuilt)("torch.add(x, y) costs little more than the bare call into the addon", () => {
  const ns = runCompiled(`
    const { call } = await load("binding.js");
    const { native } = await load("native.js");
    const { add, ones, scope } = await load("index.js");
    // nanoseconds of one call, the best of several rounds
    function measure(run) {
      let best = Infinity;
      for (let round = 0; round < 12; round++) {
        scope(() => {
          const start = process.hrtime.bigint();
          for (let i = 0; i < 5000; i++) run();
          best = Math.min(best, Number(process.hrtime.bigint() - start) / 5000);
        });
      }
      return Math.round(best);
    }
    const [x, y] = [ones([4]), ones([4])];
    const op = native.findOp("aten::add", "Tensor");
    const [a, b] = [x.handle, y.handle];
    console.log(JSON.stringify({
      bare: measure(() => call(op, a, b)),
      asFunction: measure(() => add(x, y)),
      asMethod: measure(() => x.add(y)),
    }));`);
  console.log("ns:", ns);
  expect(ns["asFunction"]! - ns["bare"]!).toBeLessThan(1_500);
  expect(ns["asMethod"]! - ns["bare"]!).toBeLessThan(1_500);
});

test.skipIf(!isBuilt)("the generated operators load in milliseconds", () => {
  const { ms } = runCompiled(`
    await load("native.js"); // libtorch itself is not counted
    await load("random.js");
    const start = performance.now();
    await load("ops.generated.js");
    console.log(JSON.stringify({ ms: performance.now() - start }));`);
  console.log("ms:", ms);
  expect(ms).toBeLessThan(150);
});
