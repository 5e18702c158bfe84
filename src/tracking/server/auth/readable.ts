// What a user sees of searches: only what they may read.
import { overrideStore } from "../../override-store.ts";
import { pagedList } from "../../paged-list.ts";
import type { PagedList } from "../../paged-list.ts";
import type { RegistryStore, SearchInput, TrackingStore } from "../../store.ts";
import type { Access } from "./access.ts";

type Store = TrackingStore & RegistryStore;

/** How many pages of a search are read to fill one; then it is shorter than was asked for, and the next one goes on. */
const maxPagesRead = 20;

/** Returns the store with searches that leave out what the user may not read. All else is for the rules to decide. */
export function readableStore(store: Store, access: Access): Store {
  const mayRead = (experimentId: string) => access.may("read", "experiment", experimentId);
  const canonical = async (experimentIds: readonly string[]) => {
    const decisions = await Promise.all(experimentIds.map((id) => access.experiment("read", id)));
    return experimentIds.filter((_, index) => decisions[index]);
  };
  const searches: Partial<Store> = {
    searchExperiments: (input = {}) =>
      fill(
        input,
        (page) => store.searchExperiments({ ...input, ...page }),
        (found) => mayRead(found.experimentId),
      ),
    searchRuns: async (input = {}) =>
      store.searchRuns({ ...input, experimentIds: await canonical(input.experimentIds ?? []) }),
    searchLoggedModels: async (input) =>
      store.searchLoggedModels({ ...input, experimentIds: await canonical(input.experimentIds) }),
    searchRegisteredModels: (input = {}) =>
      fill(
        input,
        (page) => store.searchRegisteredModels({ ...input, ...page }),
        ({ name }) => access.model("read", name),
      ),
    searchModelVersions: (input = {}) => {
      const known = new Map<string, Promise<boolean>>();
      const mayReadModel = ({ name }: { name: string }) => {
        const decision = known.get(name) ?? access.model("read", name);
        known.set(name, decision);
        return decision;
      };
      return fill(input, (page) => store.searchModelVersions({ ...input, ...page }), mayReadModel);
    },
  };
  return overrideStore(store, searches);
}

/** Reads pages until one is full of what may be read. Each asks for as many as are missing, so that none is lost. */
async function fill<T>(
  { maxResults = 1000, pageToken }: Pick<SearchInput, "maxResults" | "pageToken">,
  search: (page: { maxResults: number; pageToken?: string }) => Promise<PagedList<T>>,
  mayRead: (found: T) => boolean | Promise<boolean>,
): Promise<PagedList<T>> {
  const readable: T[] = [];
  let token = pageToken;
  for (let pages = 0; pages < maxPagesRead; pages++) {
    const page = await search({
      maxResults: maxResults - readable.length,
      ...(token !== undefined && { pageToken: token }),
    });
    const decisions = await Promise.all(page.map(mayRead));
    readable.push(...page.filter((_, index) => decisions[index]));
    token = page.token;
    if (token === undefined || readable.length >= maxResults) break;
  }
  return pagedList(readable, token);
}
