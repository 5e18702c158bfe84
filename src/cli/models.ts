// `sconce models`: the registry from the terminal.
import { UsageError, printable } from "../base/index.ts";
import { readNotifications } from "../config/index.ts";
import { ModelTransition, holdersAt, shownStage, userName } from "../tracking/index.ts";
import type { RegistryEvent } from "../tracking/index.ts";
import { countOf, onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { storeUri } from "./store-uri.ts";
import { table, writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce models register URI NAME
       sconce models transition NAME --stage STAGE
              [--version N | --experiment EXPERIMENT --metric METRIC]
       sconce models rollback NAME --stage STAGE
       sconce models history NAME [--at TIME]

register    makes a logged model (models:/m-ID or runs:/ID/model) the next
            version of a name.
transition  moves a version to a stage; without --version the best run of the
            experiment, whose model is registered first.
rollback    puts the version that held the stage before back.
history     lists every change of stages and aliases, or which version held what
            at a time.

  --stage STAGE          Development (dev), Staging, Production or Archived, in
                         any case
  --version N            the version to move
  --experiment NAME      the experiment whose best run is moved
  --metric NAME          the metric that decides
  --archive-existing     moves the present holders of the stage to Archived
  --user NAME            who asks for it, for the history (default: your login
                         name; a server with users writes who signed in)
  --at TIME              a date, 2026-01-31T12:00:00Z say
  --registry-uri URI     the registry (default: databricks where its credentials
                         are set, else MLFLOW_REGISTRY_URI, else the store)
  --tracking-uri URI     the store of the runs (default: MLFLOW_TRACKING_URI,
                         else the project's own)
  --notify FILE          a list of commands and webhooks, JSON or YAML, that are
                         told of the change (see docs/tracking.md)
  --json                 prints the result as JSON

Example:
  sconce models transition spam --stage Production --version 3`,

  async run(words) {
    return runAction("models", { register, transition, rollback, history }, words);
  },
};

const shared = {
  "registry-uri": { type: "string" },
  "tracking-uri": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

const notify = { type: "string" } as const;
const user = { type: "string", default: userName() } as const;

async function register(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models register", words, { ...shared, notify });
  const [uri, name, ...extra] = positionals;
  if (uri === undefined || name === undefined || extra.length > 0) {
    throw new UsageError("sconce models register: a URI and a name are needed. See: sconce models --help");
  }
  return withModel("models register", [name], flags, async (model) => {
    const version = await model.registerModel(uri);
    writeResult(flags.json, version, [`${name} has version ${version.version} now, from ${uri}.`]);
  });
}

async function transition(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models transition", words, {
    ...shared,
    notify,
    user,
    stage: { type: "string" },
    version: { type: "string" },
    experiment: { type: "string" },
    metric: { type: "string" },
    "archive-existing": { type: "boolean", default: false },
  });
  return withModel("models transition", positionals, flags, async (model) => {
    const version = await model.transitionModel({
      stage: stageOf("models transition", flags.stage),
      archiveExisting: flags["archive-existing"],
      ...(flags.version === undefined ? {} : { version: countOf("--version", flags.version) }),
      ...(flags.experiment === undefined ? {} : { experimentName: flags.experiment }),
      ...(flags.metric === undefined ? {} : { metric: flags.metric }),
      userId: flags.user,
    });
    writeResult(flags.json, version, [
      `${version.name} version ${version.version} is in ${shownStage(version.currentStage)} now.`,
    ]);
  });
}

async function rollback(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models rollback", words, {
    ...shared,
    notify,
    user,
    stage: { type: "string" },
  });
  return withModel("models rollback", positionals, flags, async (model) => {
    const stage = stageOf("models rollback", flags.stage);
    const version = await model.rollback({ stage, userId: flags.user });
    writeResult(flags.json, version, [
      `${version.name} version ${version.version} is back in ${shownStage(version.currentStage)}.`,
    ]);
  });
}

async function history(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models history", words, { ...shared, at: { type: "string" } });
  const time = flags.at === undefined ? undefined : Date.parse(flags.at);
  if (Number.isNaN(time))
    throw new UsageError(`--at: must be a date, 2026-01-31T12:00:00Z say, got "${flags.at}".`);
  return withModel("models history", positionals, flags, async (model) => {
    const events = await model.history();
    if (time === undefined) {
      const lines = describeEvents(events);
      return writeResult(
        flags.json,
        events,
        lines.length === 0 ? ["nothing has been in a stage or had an alias yet."] : lines,
      );
    }
    const { stages, aliases } = holdersAt(events, time);
    const found = { stages: Object.fromEntries(stages), aliases: Object.fromEntries(aliases) };
    const lines = [
      ...[...stages].map(
        ([stage, versions]) =>
          `${shownStage(stage)}: ${versions.map((version) => `version ${version}`).join(", ")}`,
      ),
      ...[...aliases].map(([alias, version]) => `@${alias}: version ${version}`),
    ].map(printable);
    writeResult(
      flags.json,
      found,
      lines.length === 0 ? ["nothing was in a stage or had an alias then."] : lines,
    );
  });
}

/** Returns a line for each change, and below it what it rested on. */
function describeEvents(events: readonly RegistryEvent[]): string[] {
  const lines = table(
    events.map(({ timestamp, kind, name, version, previous, userId }) => [
      new Date(timestamp).toISOString(),
      kind === "stage"
        ? `version ${version} to ${shownStage(name)}`
        : version === undefined
          ? `@${name} removed`
          : `@${name} to version ${version}`,
      previous === undefined ? "" : `from ${kind === "stage" ? shownStage(previous) : previous}`,
      userId === "" ? "" : `by ${userId}`,
    ]),
  );
  return events.flatMap(({ evidence }, index) => [
    lines[index]!,
    ...Object.entries(evidence).map(([key, value]) => printable(`    ${key}=${value}`)),
  ]);
}

async function withModel(
  what: string,
  positionals: readonly string[],
  flags: Partial<Record<"registry-uri" | "tracking-uri" | "notify", string | undefined>>,
  work: (model: ModelTransition) => Promise<void>,
): Promise<number> {
  const modelName = onlyWord(what, "a model", positionals);
  const registryUri = flags["registry-uri"];
  const model = await ModelTransition.open({
    modelName,
    trackingUri: storeUri(flags["tracking-uri"]),
    ...(registryUri === undefined ? {} : { registryUri }),
    ...(flags.notify === undefined ? {} : { notifications: await readNotifications(flags.notify) }),
  });
  try {
    await work(model);
  } finally {
    await model.close();
  }
  return 0;
}

function stageOf(what: string, stage: string | undefined): string {
  if (stage !== undefined) return stage;
  throw new UsageError(`sconce ${what}: --stage is missing. See: sconce models --help`);
}
