// A page of a search: an array that knows where the next page begins.

/** Is one page of results; `token` asks for the next page and is absent on the last. */
export type PagedList<T> = T[] & { token?: string };

/** Makes a page of results. */
export function pagedList<T>(items: T[], token: string | undefined): PagedList<T> {
  return token === undefined ? items : Object.assign(items, { token });
}

/** Walks all pages of a search, one request at a time. */
export async function* eachPage<T>(
  search: (pageToken: string | undefined) => Promise<PagedList<T>>,
): AsyncGenerator<T> {
  let token: string | undefined;
  do {
    const page = await search(token);
    yield* page;
    token = page.token;
  } while (token !== undefined);
}
