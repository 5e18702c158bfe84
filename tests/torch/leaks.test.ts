// Which line a tensor that outlives its step was made in.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { keep, leakCheck, nn, ones, optim, scope } from "sconce/torch";
import type { Tensor } from "sconce/torch";

const dist = new URL("../../dist/src/torch/index.js", import.meta.url).href;

test("a step that leaves nothing behind passes, and its result is returned", () => {
  const model = new nn.Linear(3, 2);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.1 });
  const step = () =>
    scope(() => {
      const loss = model
        .forward(ones([4, 3]))
        .square()
        .mean();
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss;
    });
  step(); // makes the optimizer's state
  expect(leakCheck(step).item()).toBeGreaterThan(0);
  expect(leakCheck(() => ones([2]).mul(2).sum().item())).toBe(4); // the garbage collector has these
});

test("what is still held is named with the line that made it", () => {
  const losses: Tensor[] = [];
  function sumUp() {
    const x = ones([3, 2]);
    losses.push(keep(x.sum()), keep(x.mean()));
  }
  let message = "";
  try {
    leakCheck(() => scope(sumUp));
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message.replaceAll(/\/[^()]*\/|file:\S*\//g, "")).toMatchInlineSnapshot(`
    "leakCheck: tensors outlive the step.
      1 tensor of 4 bytes, made at sumUp (leaks.test.ts:32:24)
      1 tensor of 4 bytes, made at sumUp (leaks.test.ts:32:39)
    Return them, dispose of them, or hold numbers instead (x.item())."
  `);
  expect(losses.map((loss) => loss.item())).toEqual([6, 1]);
});

test("SCONCE_LEAK_CHECK warns once of each line that leaves more behind with every scope", () => {
  const script = `
    import { keep, ones, scope } from ${JSON.stringify(dist)};
    const history = [];
    const once = keep(ones([1]));
    function step() {
      ones([5]).mul(2);
      history.push(keep(ones([2])));
      let unused = keep(ones([3]));
    }
    for (let i = 0; i < 20; i++) scope(step);`;
  const output = stderrOf(script, { SCONCE_LEAK_CHECK: "1" });
  expect(output.replaceAll(/\(.*:(\d+):\d+\)/g, "(line $1)")).toMatchInlineSnapshot(`
    "warn: SCONCE_LEAK_CHECK: 5 tensors of 5 steps are still held, made at step (line 7). Dispose of them, or hold numbers instead (x.item()).
    "
  `);
  expect(stderrOf(script, {})).toBe("");
});

function stderrOf(script: string, env: NodeJS.ProcessEnv): string {
  const args = ["--input-type=module", "--eval", script];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  expect(status).toBe(0);
  return stderr;
}
