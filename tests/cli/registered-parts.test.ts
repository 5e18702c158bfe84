// Registered callbacks, loggers, optimizers, schedules, losses and metrics, named in configs as the built-in ones are.
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { writeFiles } from "../fixtures/write-files.ts";
import { librariesAfter, sconce } from "./run.ts";

let root: string;
beforeAll(() => {
  root = makeTemporaryFolder("sconce-parts-");
  cpSync(fileURLToPath(new URL("../../plugins/examples", import.meta.url)), join(root, "plugins"), {
    recursive: true,
  });
  writeFiles(root, {
    "package.json": { type: "module" },
    "plugins/own.ts": `
      import { appendFileSync } from "node:fs";
      import { registerLogger, registerScheduler } from "sconce";
      import { optim } from "sconce/torch";
      import * as z from "zod";
      const schema = z.strictObject({ file: z.string(), onlyLoss: z.boolean().default(false) });
      class LineLogger {
        static readonly schema = schema;
        readonly name = "line";
        readonly #options: z.output<typeof schema>;
        constructor(options: z.output<typeof schema>) {
          this.#options = options;
        }
        logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
          const names = Object.keys(metrics).filter((name) => !this.#options.onlyLoss || name.endsWith("loss"));
          if (names.length > 0) appendFileSync(this.#options.file, step + " " + names.join(" ") + "\\n");
        }
      }
      registerLogger("line", LineLogger);
      registerScheduler("halving", {
        options: ["every"],
        required: ["every"],
        create: (optimizer, { every }) => new optim.StepLR(optimizer, every, { gamma: 0.5 }),
      });`,
    "conf/config.yaml": `
model:
  name: residual_mlp
  hidden: 8
  loss: {name: focal, gamma: 1}
dataset: {name: spirals, rows: 60, batch_size: 12}
optimizer: {name: sign_sgd, lr: 0.01, momentum: 0.5}
scheduler: {name: halving, every: 3}
trainer: {max_epochs: 4, log_every_n_steps: 1, enable_progress_bar: false}
callbacks:
  - {name: stop_at, monitor: val_accuracy, value: 0}
  - {name: lr_monitor}
loggers:
  - {name: line, file: ${join(root, "lines.txt")}, only_loss: false}
`,
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("they train", async () => {
  const { code, stderr, stdout } = await sconce(["train", "--json"], { cwd: root });
  expect(code, stderr).toBe(0);
  // stop_at ends it with the first validation
  expect((JSON.parse(stdout) as { checkpoint: string }).checkpoint).toContain("epoch=1-step=3");
  const lines = readFileSync(join(root, "lines.txt"), "utf8");
  expect(lines).toContain("lr-SignSGD");
  expect(lines).toContain("test_accuracy");
});

test("their options are checked, all at once and each at its place", async () => {
  writeFiles(root, {
    "conf/wrong.yaml": `
model:
  name: residual_mlp
  loss: {name: focal, gama: 1}
dataset: {name: spirals}
optimizer: {name: sign_sgd, momentum: 2}
scheduler: {name: halving, evry: 3, warmup_ratio: 0.1}
callbacks:
  - {name: stop_at, monitor: val_accuracy, value: high}
  - name: stop_att
loggers:
  - {name: line, fil: lines.txt}
`,
  });
  const { code, stderr } = await sconce(["check", "-cn", "wrong"], { cwd: root });
  expect(code).toBe(2);
  expect(stderr.replace(/"stop_at"\? Valid: .*/u, `"stop_at"?`)).toMatchInlineSnapshot(`
    "conf/wrong.yaml:4:23: model.loss.gama: unknown option. Did you mean "gamma"? Valid: gamma.
    conf/wrong.yaml:6:39: optimizer.momentum: SignSGD: momentum must be at least 0 and below 1, got 2.
    conf/wrong.yaml:7:12: scheduler: every must be given.
    conf/wrong.yaml:7:28: scheduler.evry: unknown option. Did you mean "every"? Valid: every, interval, mode, monitor, warmup_ratio, warmup_steps.
    conf/wrong.yaml:7:51: scheduler.warmup_ratio: the schedule "halving" has no warm-up. Delete the option, or set it to 0.
    conf/wrong.yaml:9:51: callbacks.0.value: Invalid input: expected number, received string, got "high".
    conf/wrong.yaml:10:11: callbacks.1.name: unknown callback "stop_att". Did you mean "stop_at"?
    conf/wrong.yaml:12:5: loggers.0.file: must be given, as string.
    conf/wrong.yaml:12:18: loggers.0.fil: unknown option. Did you mean "file"? Valid: file, only_loss.
    "
  `);
});

test("what a registered optimizer does not know is told at the option", async () => {
  const words = ["check", "optimizer.lr=1", "+optimizer.weight_decay=0.1"];
  const { code, stderr } = await sconce(words, { cwd: root });
  expect(code).toBe(2);
  expect(stderr).toContain("+optimizer.weight_decay=0.1: optimizer.weight_decay: SignSGD: ");
});

test("they are checked without libtorch and tokenizers", () => {
  const native = /sconce\.node|libtorch|libc10|tokenizers/;
  expect(librariesAfter(["check"], root).filter((path) => native.test(path))).toEqual([]);
});

test("by the names of their Python classes too, in any module", async () => {
  writeFiles(root, {
    "conf/python.yaml": `
model: {name: residual_mlp}
dataset: {name: spirals}
optimizer: {class_path: my_package.optim.SignSGD, init_args: {lr: 0.1}}
callbacks:
  - {_target_: my_package.callbacks.StopAt, monitor: val_loss, value: 9}
`,
  });
  const { code, stderr } = await sconce(["check", "-cn", "python"], { cwd: root });
  expect(code, stderr).toBe(0);
});
