// Gradient checkpointing: the same gradients and statistics bit for bit, in less memory.
import { describe, expect, test } from "vitest";
import * as torch from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import {
  BertForSequenceClassification,
  ResNetForImageClassification,
  ViTForImageClassification,
  bertConfig,
  resnetConfig,
  setGradientCheckpointing,
  vitConfig,
} from "./index.ts";

interface Case {
  model: torch.nn.Module;
  loss: () => Tensor;
}

const cases: Record<string, () => Case> = {
  "BERT with dropout": () => {
    const shape = { hiddenSize: 64, numHiddenLayers: 6, numAttentionHeads: 2, intermediateSize: 256 };
    const model = new BertForSequenceClassification(bertConfig({ ...shape, vocabSize: 50 }));
    const inputIds = torch
      .arange(16 * 64)
      .remainder(50)
      .view([16, 64]);
    const attentionMask = inputIds.ne(7).to("int64");
    return { model, loss: () => model.forward({ inputIds, attentionMask }).square().sum() };
  },
  "ViT with dropout": () => {
    const shape = { hiddenSize: 64, numHiddenLayers: 6, numAttentionHeads: 2, intermediateSize: 256 };
    const dropout = { hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 };
    const model = new ViTForImageClassification(
      vitConfig({ ...shape, ...dropout, imageSize: 32, patchSize: 4 }),
    );
    const pixels = torch.linspace(-1, 1, 16 * 3 * 32 * 32).view([16, 3, 32, 32]);
    return { model, loss: () => model.forward(pixels).square().sum() };
  },
  "ResNet with batch norms": () => {
    const shape = { embeddingSize: 16, hiddenSizes: [16, 32], depths: [4, 4], layerType: "basic" as const };
    const model = new ResNetForImageClassification(resnetConfig(shape));
    const pixels = torch.linspace(-1, 1, 8 * 3 * 64 * 64).view([8, 3, 64, 64]);
    return { model, loss: () => model.forward(pixels).square().sum() };
  },
};

/** Takes two steps without an optimizer; the second finds the statistics and random numbers of the first. */
function run(make: () => Case, enabled: boolean) {
  torch.manualSeed(5);
  const { model, loss } = make();
  model.train();
  setGradientCheckpointing(model, enabled);
  const step = (): number =>
    torch.scope(() => {
      const value = loss();
      value.backward();
      return value.item();
    });
  const losses = [step(), step()];
  const gradients = new Map(
    Array.from(model.namedParameters(), ([name, { grad }]) => [name, grad!] as const),
  );
  const profile = torch.profiler.profile({ profileMemory: true }, step);
  const peak = Math.max(...profile.memoryTimeline().map(({ totalBytes }) => totalBytes));
  return {
    losses,
    gradients: torch.hashTensors(gradients),
    state: torch.hashTensors(model.stateDict()),
    peak,
  };
}

describe.each(Object.entries(cases))("%s", (_, make) => {
  test("has the gradients, the statistics and the random numbers of plain training, and needs less memory", () => {
    const [plain, checkpointed] = [run(make, false), run(make, true)];
    expect(plain.losses[0]).not.toBe(0);
    expect({ ...checkpointed, peak: 0 }).toEqual({ ...plain, peak: 0 });
    expect(checkpointed.peak).toBeLessThan(0.6 * plain.peak);
  });
});

test("nothing is computed again where a model is judged", () => {
  const { model, loss } = cases["ViT with dropout"]!();
  setGradientCheckpointing(model);
  model.eval();
  const count = () => {
    const profile = torch.profiler.profile({}, () => torch.scope(() => loss().backward()));
    return profile.keyAverages().get("aten::gelu")?.count;
  };
  expect(count()).toBe(6);
  model.train();
  expect(count()).toBe(12);
});

test("a model without such layers is refused", () => {
  expect(() => setGradientCheckpointing(new torch.nn.Linear(2, 2))).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: setGradientCheckpointing: Linear has no layers that can be computed again. Use torch.utils.checkpoint in its forward.]`,
  );
});
