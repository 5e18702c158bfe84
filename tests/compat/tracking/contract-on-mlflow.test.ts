// Our contract of a store on MLflow's own server: what we ask of every store is what MLflow does, but for the tests that
// are named here with the reason.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeRegistryStore, describeTrackingStore } from "sconce/testing";
import { openStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type MlflowServer, startMlflowServer } from "../mlflow-server.ts";
import { compatPython, compatSkipReason } from "../python.ts";

const differs: Record<string, string> = {
  "a name that is taken, empty or too long is refused, and nothing is left behind": "takes a name of spaces",
  "an experiment gets another name, unless that is taken or the experiment is deleted": "answers BAD_REQUEST",
  "a deleted experiment takes its active runs along, and brings back those alone": "restores all its runs",
  "what is asked of a run that does not exist is refused": "has an empty history for it",
  "of two orders by one name the first decides": "does not order by one metric twice",
  "data sets are inputs of a run once each, and are the experiment's": "has no order of inputs",
  "logged models are inputs and outputs of a run": "leaves model inputs out of searches",
  "a batch with one bad part writes nothing": "takes a step of 0.5 for 0",
  "a history is in order of step, then time, then value": "orders by time first",
  "a search goes on where its page ended": "takes 1.5 results for 1",
  "experiments are filtered, ordered and paged, the last updated first": "has the last created first",
  "what does not exist, has a bad name or belongs to a deleted experiment is refused": "names the nameless",
  "tags are written over and removed, params keep their values": "refuses the same param again",
  "a model holds of each metric and data set the latest point": "returns all points",
  "a point of a model that is not there is refused with its whole batch": "answers BAD_REQUEST",
  "models are filtered by attributes, tags, params, metrics and data sets": "compares status with a number",
  "models are ordered by attributes and metrics, those without the metric last": "takes a page of 0 for 100",
  "a version of a logged model or of another version stands where that stands": "forgets the model's id",
  "a version is described and tagged, and one that is not there is refused": "looks for version 0",
  "a stage has MLflow's name whatever its case, and the newest version of each is found": "knows no dev",
  "a newcomer archives the versions of its stage if it is told to": "answers 500 for archiving the archived",
};

/** Are what MLflow loses races in, now and then. */
const races = [
  "runs that are made and deleted while their experiment is deleted stay whole",
  "an alias that is set at once points at one version",
  "versions that replace each other at once leave one in the stage",
];

const runner = {
  describe,
  test: (name: string, body: () => Promise<void>) => {
    if (races.includes(name)) return;
    const reason = differs[name];
    if (reason === undefined) test(name, body);
    else test.fails(`${name}: MLflow ${reason}`, body);
  },
};

describe.skipIf(compatSkipReason !== undefined)(
  `the contract of stores on MLflow's server (${compatSkipReason ?? "asked for"})`,
  () => {
    let server: MlflowServer;
    const open = () => openStore(server.url);

    beforeAll(async () => {
      compatPython();
      server = await startMlflowServer(mkdtempSync(join(tmpdir(), "sconce-compat-")));
    }, 1_800_000);
    afterAll(() => server?.stop());

    describeTrackingStore("MLflow", open, { runner, lacks: ["purge", "transfer"] });
    describeRegistryStore("MLflow", open, { runner, lacks: ["registryHistory", "customStages", "webhooks"] });
  },
);
