export { hashTensors } from "./hash.ts";
export { loadSafetensors, readSafetensorsHeader } from "./load-safetensors.ts";
export type { LoadSafetensorsOptions } from "./load-safetensors.ts";
export type { SafetensorsHeader, TensorEntry } from "./safetensors-header.ts";
export { dropShared, saveSafetensors } from "./save-safetensors.ts";
export type { Unshared } from "./save-safetensors.ts";
export { loadShardedSafetensors } from "./sharded-safetensors.ts";
