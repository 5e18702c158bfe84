// What a config may name is what the engine has, with the same options and defaults.
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkUseCase } from "sconce/config";
import { optim, zeros } from "sconce/torch";

const useCase = join(realpathSync(mkdtempSync(join(tmpdir(), "sconce-components-"))), "use_cases", "x");
for (const folder of ["Configurations", "Datasets"]) mkdirSync(join(useCase, folder), { recursive: true });
writeFileSync(join(useCase, "Datasets", "train.csv"), "text,label\na,b\n");

async function configOf(text: string) {
  const path = join(useCase, "Configurations", "config.yaml");
  writeFileSync(path, `dataset: {train: Datasets/train.csv, validation_ratio: 0.5}\n${text}\n`);
  const report = await checkUseCase(path);
  expect(report.issues.filter(({ path: where }) => !where.startsWith("base_model"))).toEqual([]);
  return report.config!;
}

test.each([
  "adamw",
  "adam",
  "sgd",
  "rmsprop",
  "adagrad",
  "adadelta",
  "adamax",
  "nadam",
  "radam",
  "rprop",
  "asgd",
  "adafactor",
  "adafactor_torch",
  "lion",
  "lamb",
  "adamw_torch_fused",
  "lion_32bit",
  "RMSprop",
])("optimizer %s is made with the defaults of the engine", async (name) => {
  const { optimizer } = await configOf(`optimizer: ${name}`);
  const { name: resolved, no_decay: _, ...options } = optimizer as Record<string, unknown> & { name: string };
  const params = () => [zeros([2, 2], { requiresGrad: true })];
  const given: Record<string, unknown> = { fused: true, ...options };
  const { fused: __, ...rest } = optim.camelCaseKeys(given);
  const made = optim.createOptimizer(resolved, params(), rest);
  const own = optim.createOptimizer(resolved, params(), rest["lr"] === undefined ? {} : { lr: rest["lr"] });
  expect(made.defaults).toEqual(own.defaults);
});

test.each([
  ["optimizer: {_target_: torch.optim.Adafactor}", "adafactor_torch"],
  ["optimizer: {_target_: transformers.optimization.Adafactor, lr: 0.001}", "adafactor"],
  ["optimizer: {_target_: lion_pytorch.Lion}", "lion"],
  ["optimizer: {module: torch.optim, func: NAdam}", "nadam"],
])("%s is %s", async (text, name) => {
  expect((await configOf(text)).optimizer.name).toBe(name);
});

test.each([
  "cosine_warmup_with_min_lr, min_lr_rate: 0.1, warmup_steps: 2",
  "greedy, patience: 3",
  "constant_lr",
  "linear_lr, end_factor: 0.5",
  "polynomial_lr",
  "cosine_annealing_lr, T_max: 5",
  "cosine_annealing_warm_restarts, T_0: 5",
  "cyclic_lr, base_lr: 0.1, max_lr: 1",
  "CyclicLR, base_lr: 0.1, max_lr: 1, mode: exp_range, gamma: 0.9",
])("scheduler {name: %s} is made of its config", async (text) => {
  const { scheduler } = await configOf(`scheduler: {name: ${text}}`);
  const {
    name,
    interval: _,
    monitor: __,
    ...options
  } = scheduler as Record<string, unknown> & {
    name: string;
  };
  const optimizer = new optim.AdamW([zeros([2], { requiresGrad: true })], { lr: 0.01 });
  const { warmupSteps = 0, ...rest } = optim.camelCaseKeys(options);
  const made = optim.createScheduler(name, optimizer, {
    ...rest,
    warmupSteps: warmupSteps as number,
    trainingSteps: 20,
  });
  made.step(made.needsMetric ? 1 : undefined);
  expect(Number.isFinite(made.getLastLr()[0])).toBe(true);
});
