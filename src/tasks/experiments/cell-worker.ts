// The process of one cell; ./run-cell.ts starts it.
import { openNotifyingStore } from "../../tracking/index.ts";
import { trainCell } from "./run-cell.ts";
import type { CellMessage } from "./run-cell.ts";

const { uri, notifications, recording, ...job } = JSON.parse(process.argv[2] ?? "{}") as CellMessage;
const store = await openNotifyingStore(uri, notifications);
try {
  process.send?.({ runId: await trainCell({ ...job, recording: { ...recording, store } }) });
} catch (error) {
  process.send?.({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
} finally {
  await store.close();
  process.disconnect?.();
}
