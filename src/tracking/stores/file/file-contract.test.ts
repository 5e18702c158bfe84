import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { describeRegistryStore, describeTrackingStore } from "../../../testing/store-contract/index.ts";
import { FileStore } from "./file-store.ts";

const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlruns");
const open = (options = {}) => FileStore.open({ path, ...options });

describeTrackingStore("FileStore", open, { runner: { describe, test } });
describeRegistryStore("FileStore", open, { runner: { describe, test }, lacks: ["webhooks"] });
