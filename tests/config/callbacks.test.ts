// The callbacks that a config may name, held to Lightning's options. Golden: tools/golden/lightning_callback_options.py
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";
import { fitToy } from "../fixtures/toy-training.ts";
import { callbackKind, callbackSchema } from "../../src/config/callbacks.ts";
import { NormalizeSink, normalizeComponent } from "../../src/config/components.ts";

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/lightning-callbacks.json", import.meta.url), "utf8"),
) as Record<string, string[]>;

const ours = new Map(
  callbackSchema.options.map((option) => [option.shape.name.value as string, Object.keys(option.shape)]),
);

describe("callbacks of a config", () => {
  const lightnings = callbackKind.components.filter(({ classes }) => classes.length > 0);
  test.each(lightnings)("$name takes or refuses each option of Lightning's", (component) => {
    const { name, classes, refusedOptions = {} } = component;
    const taken = ours.get(name)!.filter((option) => option !== "name");
    expect([...taken, ...Object.keys(refusedOptions)].sort()).toEqual([...golden[classes[0]!]!].sort());
  });

  test.each(Object.keys(golden))("%s works by its class, or is refused with what to use instead", (name) => {
    for (const spelling of [
      `lightning.pytorch.callbacks.${name}`,
      `pytorch_lightning.callbacks.${name}`,
      name,
    ]) {
      const sink = new NormalizeSink();
      const found = normalizeComponent({ class_path: spelling }, callbackKind, ["callbacks", 0], sink);
      const works = callbackKind.components.some(({ classes }) => classes.includes(name));
      if (works) expect([found?.["name"], sink.issues]).toEqual([expect.any(String), []]);
      else
        expect(sink.issues.map(({ message }) => message)).toEqual([
          expect.stringMatching(
            new RegExp(`^the callback "${name}" is refused: .*(Use|Instead|To keep).*$`, "u"),
          ),
        ]);
    }
  });

  test("are not merely called unavailable", () => {
    expect(callbackKind.unavailable).toEqual([]);
  });

  test("act when they are named", async () => {
    const run = (...callbacks: Record<string, unknown>[]) =>
      fitToy({ trainer: { max_epochs: 2, num_sanity_val_steps: 0 }, callbacks });
    expect((await run({ name: "gradient_accumulation_scheduler", scheduling: { 1: 3 } })).steps).toBe(8);
    const timed = await run({ name: "timer", duration: "00:00:00:00" });
    expect([timed.steps, timed.reason]).toEqual([0, "max_time"]);
    const spike = run({ name: "spike_detection", rtol: 0, warmup: 0 });
    await expect(spike).rejects.toThrow("spike_detection: the loss must not jump");
    const logging = await run({ name: "device_stats_monitor" }, { name: "lr_monitor", log_momentum: true });
    expect(logging.series("DeviceStatsMonitor.on_train_batch_end/cpu_percent")).toHaveLength(12);
    expect(logging.series("lr-AdamW/pg1-momentum").at(-1)).toEqual([12, 0.9]);
    const watched = await run(
      { name: "throughput_monitor", window_size: 2 },
      { name: "data_wait_monitor" },
      { name: "grad_norm_monitor", norm_type: "inf", level: "group" },
    );
    expect(watched.series("train/device/items_per_sec")).toHaveLength(11);
    expect(watched.series("train/data_wait_share")).toHaveLength(12);
    expect(watched.series("grad_inf_norm/pg1").at(-1)![1]).toBeGreaterThan(0);
    const folder = makeTemporaryFolder("sconce-on-exception-");
    const saved = fitToy({
      trainer: { max_epochs: 1, num_sanity_val_steps: 0 },
      callbacks: [{ name: "spike_detection", rtol: 0, warmup: 0 }, { name: "on_exception_checkpoint" }],
      checkpointFolder: folder,
    });
    await expect(saved).rejects.toThrow("must not jump");
    expect(existsSync(join(folder, "on_exception", "model.safetensors"))).toBe(true);
    rmSync(folder, { recursive: true });
    const weight = async (...callbacks: Record<string, unknown>[]) =>
      (await run(...callbacks)).model.first.weight.tolist();
    const plain = await weight();
    expect(await weight({ name: "ema_weight_averaging", decay: 0 })).toEqual(plain);
    expect(await weight({ name: "ema_weight_averaging", decay: 0.9 })).not.toEqual(plain);
    expect(await weight({ name: "weight_averaging" })).not.toEqual(plain);
  });
});
