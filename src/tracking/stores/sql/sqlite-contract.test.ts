import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { describeRegistryStore, describeTrackingStore } from "../../../testing/store-contract/index.ts";
import { SqliteStore } from "./sqlite-store.ts";

const path = join(mkdtempSync(join(tmpdir(), "sconce-")), "mlflow.db");
const open = (options = {}) => SqliteStore.open({ path, ...options });

describeTrackingStore("SqliteStore", open, { runner: { describe, test } });
describeRegistryStore("SqliteStore", open, { runner: { describe, test } });
