// What the rules of a config find: what must be mended, and what is odd and can run.
import type { ConfigIssue } from "../base/index.ts";
import { metricMode } from "./metric-names.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import type { ConfigPath } from "./value.ts";

/** Collects what rules find. */
export class RuleFindings {
  readonly issues: SchemaIssue[] = [];
  readonly warnings: SchemaIssue[] = [];
  /** Says why nothing would log a metric during training, or returns undefined. */
  readonly unlogged: (monitor: string) => string | undefined;

  constructor(unlogged: (monitor: string) => string | undefined) {
    this.unlogged = unlogged;
  }

  report(path: ConfigPath, message: string, code: ConfigIssue["code"] = "value"): void {
    this.issues.push({ path, code, message });
  }

  warn(path: ConfigPath, message: string): void {
    this.warnings.push({ path, code: "value", message });
  }

  /** Checks what watches a metric: that something logs it, and which way is taken for better. */
  checkMonitor({ monitor, mode }: { monitor: string; mode: "min" | "max" }, path: ConfigPath): void {
    const problem = this.unlogged(monitor);
    if (problem !== undefined) this.report([...path, "monitor"], problem);
    else this.checkMode({ metric: monitor, mode }, [...path, "mode"]);
  }

  /** Warns where the better values of a metric are taken for the worse. */
  checkMode({ metric, mode }: { metric: string; mode: "min" | "max" }, path: ConfigPath): void {
    const usual = metricMode(metric);
    if (usual !== undefined && usual !== mode)
      this.warn(path, `"${metric}" improves the other way: ${usual}. Is "${mode}" meant?`);
  }
}
