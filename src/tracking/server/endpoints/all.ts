// The endpoints of every server; one with users has ./users.ts beside.
import type { Endpoint } from "../endpoint.ts";
import { artifactEndpoints } from "./artifacts.ts";
import { experimentEndpoints } from "./experiments.ts";
import { loggedModelEndpoints } from "./logged-models.ts";
import { registryEndpoints } from "./registry.ts";
import { runEndpoints } from "./runs.ts";
import { sconceEndpoints } from "./sconce.ts";
import { transferEndpoints } from "./transfers.ts";
import { webhookEndpoints } from "./webhooks.ts";

export const endpoints: readonly Endpoint[] = [
  ...experimentEndpoints,
  ...runEndpoints,
  ...loggedModelEndpoints,
  ...registryEndpoints,
  ...artifactEndpoints,
  ...transferEndpoints,
  ...sconceEndpoints,
  ...webhookEndpoints,
];
