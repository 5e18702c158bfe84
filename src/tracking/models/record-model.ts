// Records a model that a run logs, as MLflow 3 does: PENDING while its files are written, READY once all are there.
import type { LocalArtifactRepository } from "../artifacts/local.ts";
import { childUri } from "../artifacts/uri.ts";
import type { ActiveRun } from "../client/run.ts";
import type { LoggedModel } from "../types.ts";
import { environmentFiles } from "./mlmodel.ts";
import { type ModelCardFacts, type ModelCardMetadata, formatModelCard } from "./model-card.ts";

/** Says as what a model is logged. */
export interface RecordModelOptions {
  /** Folder in the run's artifacts. @default "model" */
  artifactPath?: string;
  /** Name of the logged model. @default the name of the run */
  name?: string;
  /** The text of the model card, or what is to stand in the one that is written. */
  modelCard?: string | ModelCardMetadata;
}

/**
 * Records a model whose files `write` puts into the artifacts, so that `runs:/ID/model` and `models:/m-ID` both load it.
 * Its card, README.md, is written from what the run has logged so far. It is FAILED when `write` throws.
 */
export async function recordModel(
  run: ActiveRun,
  { artifactPath = "model", name, modelCard = {} }: RecordModelOptions,
  facts: ModelCardFacts,
  write: (artifacts: LocalArtifactRepository, logged: LoggedModel) => Promise<void> | void,
): Promise<LoggedModel> {
  const logged = await run.store.createLoggedModel({
    experimentId: run.info.experimentId,
    ...placeOf(run, artifactPath, name),
    sourceRunId: run.runId,
  });
  try {
    const artifacts = run.artifactsAt(logged.artifactLocation);
    artifacts.writeFile("README.md", typeof modelCard === "string" ? modelCard : await cardOf(modelCard));
    await write(artifacts, logged);
    if (run.sendsArtifacts) await run.flush(); // a model that is READY has arrived
    await run.store.logOutputs(run.runId, [{ modelId: logged.modelId, step: 0 }]);
  } catch (error) {
    await run.store.finalizeLoggedModel(logged.modelId, "FAILED").catch(() => {}); // the first error says more
    throw error;
  }
  return run.store.finalizeLoggedModel(logged.modelId, "READY");

  async function cardOf(metadata: ModelCardMetadata): Promise<string> {
    await run.flush(); // the card tells what the run has logged so far
    const { modelId, name } = logged;
    return formatModelCard({ ...facts, ...metadata, modelId, name, run: await run.store.getRun(run.runId) });
  }
}

/** Writes what every flavour has beside the model: the Python packages that it needs, and the input example. */
export function writeSurroundings(
  artifacts: LocalArtifactRepository,
  {
    packages,
    inputExample,
  }: { packages: Parameters<typeof environmentFiles>[0]; inputExample: readonly unknown[] | undefined },
): void {
  for (const [file, content] of Object.entries(environmentFiles(packages)))
    artifacts.writeFile(file, content);
  if (inputExample === undefined) return;
  artifacts.writeFile("input_example.json", JSON.stringify(inputExample));
  artifacts.writeFile("serving_input_example.json", JSON.stringify({ inputs: inputExample }));
}

/** Returns where a logged model is and what it is called: in the run's artifacts, or where the store puts it. */
function placeOf(run: ActiveRun, artifactPath: string, name: string | undefined) {
  // MLflow finds runs:/ID/model by this name there
  if (run.sendsArtifacts) return { name: name ?? artifactPath };
  return {
    // not "model": MLflow would list the folder a second time for a model of the same name
    name: name ?? run.info.runName.replace(/[/:.%"']/g, "_"),
    artifactLocation: childUri(run.info.artifactUri, artifactPath),
  };
}
