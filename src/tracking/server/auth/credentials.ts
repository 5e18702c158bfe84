// The header `Authorization: Basic` of a request. https://datatracker.ietf.org/doc/html/rfc7617

/** Is who a client says it is. */
export interface Credentials {
  username: string;
  password: string;
}

const maxHeaderLength = 4096;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the header; undefined for one that is missing, too long, of another scheme or damaged. */
export function readCredentials(header: string | undefined): Credentials | undefined {
  if (header === undefined || header.length > maxHeaderLength) return undefined;
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header.trim())?.[1];
  if (encoded === undefined) return undefined;
  const text = decode(encoded);
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || text.includes("\0") || colon < 1) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(encoded: string): string | undefined {
  try {
    return utf8.decode(Buffer.from(encoded, "base64"));
  } catch {
    return undefined; // not UTF-8
  }
}
