// The domain of images: its models and data sets, by the names that configs call them.
import { registerBuiltIn, registerDomain } from "../../contracts/index.ts";
import { resnetPresets } from "../../models/index.ts";
import { Cifar10DataModule } from "./cifar10.ts";
import { ImageFolderDataModule } from "./image-folder.ts";
import { ResNetClassifier, ViTClassifier, resnetClassifier } from "./models.ts";

const presets = Object.keys(resnetPresets) as (keyof typeof resnetPresets)[];

registerBuiltIn(() =>
  registerDomain("vision", {
    description: "classifies images",
    models: {
      ...Object.fromEntries(presets.map((preset) => [preset, resnetClassifier(preset)])),
      vit: ViTClassifier,
    },
    datasets: { cifar10: Cifar10DataModule, image_folder: ImageFolderDataModule },
  }),
);

export { Cifar10DataModule, ImageFolderDataModule, ResNetClassifier, ViTClassifier };
