// `sconce models`: the registry from the terminal.
import { UsageError } from "../base/index.ts";
import { readNotifications } from "../config/index.ts";
import { ModelTransition, holdersAt, registerModelUri, openStore } from "../tracking/index.ts";
import { countOf, onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { storeUri } from "./store-uri.ts";
import { writeResult } from "./table.ts";

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
history     lists every change of stages and aliases, or who held what at a time.

  --stage STAGE          Development (dev), Staging, Production or Archived, in
                         any case
  --version N            the version to move
  --experiment NAME      the experiment whose best run is moved
  --metric NAME          the metric that decides
  --archive-existing     moves the present holders of the stage to Archived
  --user NAME            who asks for it, for the history
  --at TIME              a date, 2026-01-31T12:00:00Z say
  --registry-uri URI     the registry (default: databricks where its credentials
                         are set, else MLFLOW_REGISTRY_URI, else the store)
  --tracking-uri URI     the store of the runs (default: MLFLOW_TRACKING_URI,
                         else the project's own)
  --notify FILE          a list of commands and webhooks, JSON or YAML, that are
                         told of the change (see docs/tracking.md)
  --json                 prints the result as JSON

Example:
  sconce models transition spam --stage Production --version 3 --archive-existing`,

  async run(words) {
    return runAction("models", { register, transition, rollback, history }, words);
  },
};

const shared = {
  "registry-uri": { type: "string" },
  "tracking-uri": { type: "string" },
  user: { type: "string" },
  notify: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

async function register(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models register", words, shared);
  const [uri, name, ...extra] = positionals;
  if (uri === undefined || name === undefined || extra.length > 0) {
    throw new UsageError("sconce models register: a URI and a name are needed. See: sconce models --help");
  }
  const store = await openStore(flags["registry-uri"] ?? storeUri(flags["tracking-uri"]));
  try {
    const version = await registerModelUri(store, { uri, name });
    writeResult(flags.json, version, [`${name} has version ${version.version} now, from ${uri}.`]);
    return 0;
  } finally {
    await store.close();
  }
}

async function transition(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models transition", words, {
    ...shared,
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
      ...(flags.user === undefined ? {} : { userId: flags.user }),
    });
    writeResult(flags.json, version, [
      `${version.name} version ${version.version} is in ${version.currentStage} now.`,
    ]);
  });
}

async function rollback(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models rollback", words, {
    ...shared,
    stage: { type: "string" },
  });
  return withModel("models rollback", positionals, flags, async (model) => {
    const stage = stageOf("models rollback", flags.stage);
    const version = await model.rollback({
      stage,
      ...(flags.user === undefined ? {} : { userId: flags.user }),
    });
    writeResult(flags.json, version, [
      `${version.name} version ${version.version} is back in ${version.currentStage}.`,
    ]);
  });
}

async function history(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("models history", words, { ...shared, at: { type: "string" } });
  return withModel("models history", positionals, flags, async (model) => {
    const events = await model.history();
    if (flags.at !== undefined) {
      const time = Date.parse(flags.at);
      if (Number.isNaN(time))
        throw new UsageError(`--at: must be a date, 2026-01-31T12:00:00Z say, got "${flags.at}".`);
      const { stages, aliases } = holdersAt(events, time);
      const found = { stages: Object.fromEntries(stages), aliases: Object.fromEntries(aliases) };
      const lines = [
        ...[...stages].map(
          ([stage, versions]) => `${stage}: ${versions.map((version) => `version ${version}`).join(", ")}`,
        ),
        ...[...aliases].map(([alias, version]) => `@${alias}: version ${version}`),
      ];
      return writeResult(
        flags.json,
        found,
        lines.length === 0 ? ["nothing was in a stage or had an alias then."] : lines,
      );
    }
    const lines = events.map(({ timestamp, kind, name, version, previous, userId, evidence }) => {
      const what =
        kind === "stage"
          ? `version ${version} to ${name}`
          : version === undefined
            ? `@${name} removed`
            : `@${name} to version ${version}`;
      const why = Object.entries(evidence).map(([key, value]) => `${key}=${value}`);
      return [
        new Date(timestamp).toISOString(),
        what,
        ...(previous === undefined ? [] : [`from ${previous}`]),
        ...(userId === "" ? [] : [`by ${userId}`]),
        ...why,
      ].join("  ");
    });
    writeResult(
      flags.json,
      events,
      lines.length === 0 ? ["nothing has been in a stage or had an alias yet."] : lines,
    );
  });
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
