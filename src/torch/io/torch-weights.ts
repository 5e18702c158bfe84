// Weights by name from files of torch.save, in one file or in several with an index (pytorch_model.bin).
import { FileError } from "../../base/index.ts";
import { Tensor } from "../tensor.ts";
import { load } from "./load-torch.ts";
import { selectNames } from "./select-names.ts";
import type { SelectOptions } from "./select-names.ts";
import { loadShards } from "./shard-index.ts";

/** Loads the tensors of a file that `torch.save(model.state_dict())` wrote, as `pytorch_model.bin` is. */
export function loadTorchWeights(path: string, selection: SelectOptions = {}): Map<string, Tensor> {
  const found = load(path);
  if (!(found instanceof Map)) {
    throw new FileError(`${path}: must hold a state dict, got another object. Use torch.load.`);
  }
  for (const [name, tensor] of found as Map<unknown, unknown>) {
    if (typeof name !== "string" || !(tensor instanceof Tensor)) {
      throw new FileError(
        `${path}: must hold a state dict, got an entry ${JSON.stringify(name) ?? String(name)} that is no tensor. ` +
          `Use torch.load and take the state dict out.`,
      );
    }
  }
  const tensors = found as Map<string, Tensor>;
  const names = selectNames(path, tensors.keys(), selection);
  const selected = new Map(names.map((name) => [name, tensors.get(name)!]));
  const kept = new Set(selected.values()); // one tensor may have several names
  for (const tensor of tensors.values()) if (!kept.has(tensor)) tensor.dispose();
  return selected;
}

/** Loads the tensors that a `pytorch_model.bin.index.json` names, from the files beside it. */
export function loadShardedTorchWeights(
  indexPath: string,
  selection: SelectOptions = {},
): Map<string, Tensor> {
  return loadShards(indexPath, selection, (path, keys) => loadTorchWeights(path, { keys }));
}
