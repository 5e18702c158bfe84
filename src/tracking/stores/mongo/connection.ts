// The connection of a store to its MongoDB server.
import type { MongoClient } from "mongodb";
import { SetupError, TrackingError } from "../../../base/index.ts";
import { type Collections, openCollections } from "./documents.ts";
import { databaseOf, withoutCredentials } from "./mongo-uri.ts";

/** Is an open database whose collections have their indexes. */
export class MongoConnection {
  /** The URI without user and password. */
  readonly uri: string;
  readonly #client: MongoClient;
  readonly #collections: Collections;

  private constructor(uri: string, client: MongoClient, collections: Collections) {
    this.uri = uri;
    this.#client = client;
    this.#collections = collections;
  }

  /** Connects to the server and prepares the collections. */
  static async open(
    uri: string,
    prepare: (collections: Collections) => Promise<void>,
  ): Promise<MongoConnection> {
    const name = withoutCredentials(uri);
    const database = databaseOf(uri);
    const client = await clientFor(uri);
    try {
      return await answered(name, async () => {
        await client.connect();
        const collections = await openCollections(client.db(database));
        await prepare(collections);
        return new MongoConnection(name, client, collections);
      });
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Runs a call; an error of the driver becomes one of the store. */
  do<T>(body: (collections: Collections) => Promise<T>): Promise<T> {
    return answered(this.uri, () => body(this.#collections));
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

async function clientFor(uri: string): Promise<MongoClient> {
  const driver = await loadDriver();
  try {
    return new driver.MongoClient(uri, {
      ignoreUndefined: true,
      // what a call wrote is kept, whatever happens afterwards
      writeConcern: { w: "majority", journal: true },
      readConcernLevel: "local",
      serverSelectionTimeoutMS: 10_000,
    });
  } catch (error) {
    // the driver's words may hold the URI
    throw new TrackingError(
      `${withoutCredentials(uri)}: it must be a MongoDB URI, mongodb://user:password@host:27017/database. Special ` +
        "characters of user and password are written as %40 and the like.",
      { code: "INVALID_PARAMETER_VALUE", cause: (error as Error).name },
    );
  }
}

async function loadDriver(): Promise<typeof import("mongodb")> {
  try {
    return await import("mongodb");
  } catch (error) {
    throw new SetupError("MongoDB: the package mongodb cannot be loaded. Run: npm install", { cause: error });
  }
}

async function answered<T>(name: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof Error) || !error.name.startsWith("Mongo")) throw error;
    if (/BSONObj size|larger than|too large/i.test(error.message)) {
      throw new TrackingError(
        `${name}: a document must stay under 16 MB. Delete what is no longer needed: ${error.message}`,
        { code: "INVALID_PARAMETER_VALUE", cause: error },
      );
    }
    throw new TrackingError(
      `${name}: the server must answer, and did not: ${error.message}. See that it runs and lets you in, and try again.`,
      { code: "TEMPORARILY_UNAVAILABLE", cause: error },
    );
  }
}
