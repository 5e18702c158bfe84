// Asking a store for what it may not hold.
import { SconceError } from "../base/index.ts";

/** Returns undefined for what the store does not hold. */
export async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (SconceError.is(error) && error.code === "RESOURCE_DOES_NOT_EXIST") return undefined;
    throw error;
  }
}
