// The domain of rows of numbers: its model and its made data, by the names that configs call them.
import { registerBuiltIn, registerDomain } from "../../contracts/index.ts";
import { BlobsDataModule } from "./blobs.ts";
import { MLPClassifier } from "./mlp.ts";

registerBuiltIn(() =>
  registerDomain("points", {
    description: "classifies rows of numbers",
    models: { mlp: MLPClassifier },
    datasets: { blobs: BlobsDataModule },
  }),
);

export { BlobsDataModule, MLPClassifier };
