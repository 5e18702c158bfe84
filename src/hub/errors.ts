// What can go wrong between here and the hub.
import { SconceError } from "../base/index.ts";

/** Names the kinds of failure; only `hub_unreachable` may pass by itself. */
export type HubErrorCode =
  "hub_not_found" | "hub_denied" | "hub_unreachable" | "hub_damaged" | "hub_disk" | "hub_unusable";

/** Reports a model that cannot be had from the hub. */
export class HubError extends SconceError {
  readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Tells whether a failure means that the hub did not answer, or not like a hub. */
export function isUnreachable(error: unknown): error is HubError {
  return error instanceof HubError && error.code === "hub_unreachable";
}
