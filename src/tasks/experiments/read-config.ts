// Reads the file of `sconce experiments run`: the arguments of ExperimentManager with their names in snake_case.
import * as z from "zod";
import { ConfigError, suggestion } from "../../base/index.ts";
import type { ConfigIssue } from "../../base/index.ts";
import { loadConfig } from "../../config/index.ts";
import type { ExperimentManagerOptions } from "./experiment-manager.ts";

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const listed = z.array(z.string().min(1)).min(1);

const schema = z.strictObject({
  base_name: z.string().min(1),
  data_src: z.string().min(1),
  dataset_versions: listed,
  hyperparameters: z.array(z.record(z.string(), value)).min(1),
  base_model_versions: listed,
  output_dir: z.string().min(1),
  train_file: z.string().min(1),
  validation_file: z.string().min(1),
  evaluate_pretrained_model: z.boolean().default(false),
  user_id: z.string().min(1),
  run_date: z
    .union([z.string(), z.number()])
    .transform(String)
    .pipe(z.string().regex(/^\d{8}$/, "must be YYYYMMDD"))
    .optional(),
  task: z.literal("text_classification").default("text_classification"),
  config: z.record(z.string(), z.unknown()).default({}),
});

/** Reads the arguments of a grid from a JSON or YAML file; all that is wrong in it throws one `ConfigError`. */
export async function readExperimentConfig(path: string): Promise<ExperimentManagerOptions> {
  const document = await loadConfig(path);
  const given = typeof document.value === "object" && document.value !== null ? { ...document.value } : {};
  const fields = given as Record<string, unknown>;
  if ("evalute_pretrained_model" in fields) {
    // a misspelling that configs of this kind are known to have
    fields["evaluate_pretrained_model"] ??= fields["evalute_pretrained_model"];
    delete fields["evalute_pretrained_model"];
  }
  const parsed = schema.safeParse(fields);
  if (!parsed.success) throw new ConfigError(path, parsed.error.issues.flatMap(toIssues));
  const config = parsed.data;
  return {
    baseName: config.base_name,
    dataSrc: config.data_src,
    datasetVersions: config.dataset_versions,
    hyperparameters: config.hyperparameters,
    baseModelVersions: config.base_model_versions,
    outputDir: config.output_dir,
    trainFile: config.train_file,
    validationFile: config.validation_file,
    evaluatePretrainedModel: config.evaluate_pretrained_model,
    userId: config.user_id,
    ...(config.run_date !== undefined && { runDate: config.run_date }),
    task: config.task,
    config: config.config,
  };
}

function toIssues(issue: z.core.$ZodIssue): ConfigIssue[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: key,
      code: "unknown_key",
      message: `unknown key. ${suggestion(key, Object.keys(schema.shape))}`,
    }));
  }
  return [{ path: issue.path.join("."), code: "value", message: `${issue.message}.` }];
}
