// torch.amp: mixed precision.
export { autocast } from "../grad-mode.ts";
export type { AutocastOptions } from "../grad-mode.ts";
export { GradScaler } from "../optim/index.ts";
export { customBwd, customFwd, isAutocastAvailable } from "./custom-function.ts";
export type { CustomForwardOptions } from "./custom-function.ts";
