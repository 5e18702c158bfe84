// `sconce server`: serves a tracking store and registry over MLflow's REST API.
import { logger } from "../base/index.ts";
import {
  AuditLog,
  Notifier,
  TrackingServer,
  localUri,
  notifyingStore,
  repairRuns,
} from "../tracking/index.ts";
import type { Store } from "../tracking/index.ts";
import { openStore } from "./open-store.ts";
import { noWords, parseWords, portOf } from "./command.ts";
import type { Command } from "./command.ts";
import { openAuth, warnOfPlainHttp } from "./server-auth.ts";
import { runUsers } from "./server-users.ts";
import { besideStore, storeUri } from "./store-uri.ts";

const repairEveryMs = 30_000;

export const command: Command = {
  help: `Usage: sconce server [--backend-store-uri URI] [--host HOST] [--port PORT] ...
       sconce server users add NAME [--admin] [--auth-database FILE]

Serves runs, models and artifacts over MLflow's REST API, so that MLflow's
clients log to it and read from it (MLFLOW_TRACKING_URI=http://127.0.0.1:5000).
Loads no libtorch. Runs whose process died are marked FAILED while it serves.

  --backend-store-uri URI    the store (default: MLFLOW_TRACKING_URI, else
                             the project's outputs/mlflow/mlflow.db)
  --default-artifact-root D  where experiments that name no place keep their
                             artifacts (default: behind this server)
  --artifacts-destination D  folder of the artifacts that are sent through this
                             server, or s3://bucket/prefix (default: Artifacts
                             beside the SQLite file, else ./mlartifacts)
  --no-serve-artifacts       take no artifacts; clients reach them themselves,
                             at the places of --default-artifact-root
  --artifacts-root D         another folder, or s3://bucket/prefix, whose
                             artifacts may be shown, where runs were logged
                             without the server; may be repeated
  --host HOST                address to listen on (default: 127.0.0.1, which
                             other machines cannot reach)
  --port PORT                port to listen on, 0 for a free one (default: 5000)
  --allowed-hosts LIST       Host headers to answer, with commas; * stands for
                             any characters (default: loopback and private
                             addresses)
  --cors-allowed-origins LIST
                             other web pages that may write (default: none)
  --app-name basic-auth      users must sign in, and do what they are permitted
                             (default: no users)
  --auth-database FILE       the SQLite file of users (default: basic_auth.db
                             beside the SQLite store, else in this folder)
  --default-permission P     what users may do where nothing else is said: READ
                             (default), USE, EDIT, MANAGE or NO_PERMISSIONS
  --notify FILE              a list of commands and webhooks, JSON or YAML, that
                             are told of runs that end and of changes in the
                             registry (see docs/tracking.md)
  --audit-log FILE           adds a line of JSON for each request to a file

  sconce server users add NAME [--admin], set-password NAME, remove NAME, list
                             change the users of --auth-database; a password is
                             read from the standard input

Besides the API: /health, /version, /metrics for Prometheus, and server-sent
events at /ajax-api/2.0/sconce/events. Ctrl-C stops it.

Example:
  sconce server --backend-store-uri sqlite:///mlflow.db --port 5001
  sconce server users add ada --admin --auth-database basic_auth.db
  sconce server --app-name basic-auth --auth-database basic_auth.db`,

  async run(words) {
    if (words[0] === "users") return runUsers(words.slice(1));
    const { flags, positionals } = parseWords("server", words, {
      "backend-store-uri": { type: "string" },
      "default-artifact-root": { type: "string" },
      "artifacts-destination": { type: "string" },
      "artifacts-root": { type: "string", multiple: true },
      "serve-artifacts": { type: "boolean" }, // MLflow's, and the default
      "no-serve-artifacts": { type: "boolean", default: false },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "5000" },
      "allowed-hosts": { type: "string" },
      "cors-allowed-origins": { type: "string" },
      "app-name": { type: "string" },
      "auth-database": { type: "string" },
      "default-permission": { type: "string" },
      "audit-log": { type: "string" },
      notify: { type: "string" },
    });
    noWords("server", positionals);
    const port = portOf("--port", flags.port);
    const uri = storeUri(flags["backend-store-uri"]);
    const servesArtifacts = !flags["no-serve-artifacts"];
    const artifactRoot =
      flags["default-artifact-root"] ?? (servesArtifacts ? "mlflow-artifacts:/" : undefined);
    const destination = servesArtifacts
      ? {
          destination: localUri(
            flags["artifacts-destination"] ?? besideStore(uri, "Artifacts") ?? "mlartifacts",
          ),
        }
      : {};
    const auth = await openAuth(flags);
    const auditLog = flags["audit-log"] === undefined ? undefined : AuditLog.open(flags["audit-log"]);
    const notifier = flags.notify === undefined ? undefined : await openNotifier(flags.notify);
    const store = withNotifier(
      await openStore(uri, artifactRoot === undefined ? {} : { artifactRoot }),
      notifier,
    );
    try {
      const server = await TrackingServer.start({
        store,
        host: flags.host,
        port,
        artifacts: { ...destination, roots: (flags["artifacts-root"] ?? []).map(localUri) },
        ...(auth !== undefined && { auth }),
        ...(auditLog !== undefined && { auditLog }),
        ...lists(flags),
      });
      if (auth !== undefined) warnOfPlainHttp(server.url);
      process.stdout.write(`Serving ${store.uri}\nMLFLOW_TRACKING_URI=${server.url}\n`);
      const stopRepairing = repairRepeatedly(store);
      await stopSignal();
      stopRepairing();
      await server.close();
    } finally {
      await store.close();
      await auth?.users.close();
      auditLog?.close();
    }
    return 0;
  },
};

async function openNotifier(file: string): Promise<Notifier> {
  const { readNotifications } = await import("../config/index.ts");
  return new Notifier(await readNotifications(file));
}

function withNotifier(store: Store, notifier: Notifier | undefined): Store {
  return notifier === undefined ? store : notifyingStore(store, notifier);
}

function lists(flags: { "allowed-hosts"?: string | undefined; "cors-allowed-origins"?: string | undefined }) {
  const split = (text: string) =>
    text
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "");
  const hosts = flags["allowed-hosts"];
  const origins = flags["cors-allowed-origins"];
  return {
    ...(hosts === undefined ? {} : { allowedHosts: split(hosts) }),
    ...(origins === undefined ? {} : { allowedOrigins: split(origins) }),
  };
}

function repairRepeatedly(store: Store): () => void {
  const repair = () =>
    repairRuns(store).catch((error: unknown) => {
      logger.warn(`server: runs whose process died could not be marked. ${(error as Error).message}`);
    });
  void repair();
  const timer = setInterval(repair, repairEveryMs);
  return () => clearInterval(timer);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
