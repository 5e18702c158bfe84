// Memory of long loops, each in a process of its own, in a loop that never awaits. SCONCE_LONG_TESTS=1: 20,000 steps.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const dist = new URL("../../dist/src/torch/index.js", import.meta.url).href;
const steps = process.env["SCONCE_LONG_TESTS"] === "1" ? 20_000 : 2_500;

interface Measured {
  /** MB after a fifth of the steps, and after all. */
  early: number;
  late: number;
  peak: number;
  live: number;
  bytes: number;
}

/** Trains a small network; `wrap` is the source of a function that runs a step. */
function train(wrap: string): Measured {
  const script = `
    import { memoryStats, nn, optim, randn, scope } from ${JSON.stringify(dist)};
    const model = new nn.Sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Linear(128, 10));
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
    const run = ${wrap};
    const step = () => {
      const loss = model.forward(randn([32, 64])).square().mean();
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
    };
    let early = 0;
    for (let i = 1; i <= ${steps}; i++) {
      run(step);
      if (i === ${steps / 5}) early = memoryStats().rss / 1e6;
    }
    const { rss, peakRss, liveTensors, bytes } = memoryStats();
    console.log(JSON.stringify({ early, late: rss / 1e6, peak: peakRss / 1e6, live: liveTensors, bytes: bytes.cpu }));`;
  // V8 doubles its own young generation at moments of its choosing: not what is measured here
  const args = ["--max-semi-space-size=1", "--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, args, { encoding: "utf8" });
  const measured = JSON.parse(output) as Measured;
  if (process.env["SCONCE_LONG_TESTS"] === "1") console.log(wrap, measured);
  return measured;
}

test("with a scope around the step, memory stays where it is and every tensor is freed", () => {
  const { early, late, live, bytes } = train("scope");
  expect(late - early).toBeLessThan(12);
  // weights and biases of two layers, and nothing else
  expect([live, bytes]).toEqual([4, 4 * (64 * 128 + 128 + 128 * 10 + 10)]);
});

test("without one, the garbage collector keeps memory within bounds", () => {
  const { early, late, peak } = train("(step) => step()");
  expect(late - early).toBeLessThan(150);
  expect(peak).toBeLessThan(600);
});
