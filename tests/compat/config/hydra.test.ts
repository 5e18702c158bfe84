// Python's hydra-core on the groups that come along: it composes conf/ to the same config as we do.
import { fileURLToPath } from "node:url";
import { OmegaConf, compose } from "sconce/config";
import { describe, expect, test } from "vitest";
import { compatPython, compatSkipReason, runBeside } from "../python.ts";

const conf = fileURLToPath(new URL("../../../conf", import.meta.url));
const script = `
import json, sys
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    texts = [OmegaConf.to_yaml(compose("config", overrides=each), resolve=True) for each in json.loads(sys.argv[2])]
print(json.dumps(texts))
`;
const overrides: string[][] = [
  [],
  ["model=bert"],
  ["model=resnet50", "dataset=cifar10", "+model.lr=0.01"],
  ["model=vit", "dataset=imagenet"],
  ["trainer=debug", "seed=7"],
  ["+experiment=custom_experiment"],
  ["optimizer=sgd", "optimizer.lr=0.1", "scheduler=cosine"],
  ["callbacks=none", "tracking=server", "+trainer.max_steps=10", "~distributed"],
  ["dataset=csv", "dataset.name=mine", "dataset.train=a.csv", "++dataset.max_length=64"],
];

describe.skipIf(compatSkipReason !== undefined)(`hydra-core (${compatSkipReason ?? "on"})`, () => {
  test("composes conf/ to the same text", async () => {
    const theirs = (await runBeside(
      compatPython("hydra"),
      script,
      conf,
      JSON.stringify(overrides),
    )) as string[];
    const ours = overrides.map((each) =>
      OmegaConf.toYaml(compose({ configPath: conf, configName: "config", overrides: each }), {
        resolve: true,
      }),
    );
    expect(ours).toEqual(theirs);
  });
});
