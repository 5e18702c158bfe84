// Python's transformers on folders of ResNet and ViT that Sconce wrote. The other way is tested in src/models.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ResNetForImageClassification,
  ViTForImageClassification,
  resnet,
  resnetConfig,
  vit,
  vitConfig,
} from "sconce/models";
import { noGrad, rand, saveSafetensors } from "sconce/torch";
import { describe, expect, test } from "vitest";
import "../../matchers.ts";
import { compatSkipReason, runPython } from "../python.ts";

const load = `
import json, sys
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification
model, info = AutoModelForImageClassification.from_pretrained(sys.argv[1], output_loading_info=True)
pixels = load_file(sys.argv[2])["pixels"]
print(json.dumps({"logits": model.eval()(pixel_values=pixels).logits.tolist(), "labels": model.config.id2label,
    "problems": [str(name) for key in ("missing_keys", "unexpected_keys") for name in info[key]]}))
`;

const labels = ["cat", "dog", "owl"];

describe.skipIf(compatSkipReason !== undefined)("transformers reads what Sconce saved:", () => {
  const models = {
    ResNet: () => {
      const model = new ResNetForImageClassification(
        resnetConfig({ embeddingSize: 4, hiddenSizes: [8, 12], depths: [1, 2], labels }),
      );
      return { model, save: (folder: string) => resnet.savePretrained(model, folder) };
    },
    ViT: () => {
      const shape = { hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 };
      const model = new ViTForImageClassification(
        vitConfig({ ...shape, imageSize: 32, patchSize: 8, labels }),
      );
      return { model, save: (folder: string) => vit.savePretrained(model, folder) };
    },
  };

  test.each(Object.entries(models))("%s", (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), "sconce-"));
    const { model, save } = make();
    const pixels = rand([2, 3, 32, 32]);
    model.forward(pixels); // moves the statistics of batch norms
    save(folder);
    const inputs = join(folder, "inputs.safetensors");
    saveSafetensors(new Map([["pixels", pixels]]), inputs);
    const answer = runPython(load, folder, inputs) as { logits: number[][] };
    expect(answer).toEqual({
      logits: expect.anything(),
      labels: { 0: "cat", 1: "dog", 2: "owl" },
      problems: [],
    });
    expect(noGrad(() => model.eval().forward(pixels))).toBeAllclose(answer.logits, { atol: 1e-5 });
  });
});
