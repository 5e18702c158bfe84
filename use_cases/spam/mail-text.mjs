// The readable text of an e-mail (RFC 5322, MIME). Headers are not part of it: for mails gathered from different
// mailboxes they tell the mailbox, and with it the class.

/** Returns the readable text of a message, whitespace folded; empty when it has none. */
export function mailText(message) {
  // bytes that were no UTF-8 are lost in the corpus; where they stood says nothing
  const text = message.replaceAll("\uFFFD", "").replace(/\r\n?/g, "\n");
  return partText(text, "text/plain")
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim();
}

// a part is a small message: headers, a blank line, a body
function partText(part, defaultType) {
  const { headers, body } = splitHeaders(part);
  const type = parseContentType(headers.get("content-type"), defaultType);
  if (/^attachment\b/i.test(headers.get("content-disposition") ?? "")) return "";
  const boundary = findBoundary(type, body);
  if (boundary !== undefined) return multipartText(type, splitParts(body, boundary));
  if (type.name === "message/rfc822") return partText(body, "text/plain");
  if (!/^(text|multipart)\//.test(type.name)) return "";
  const text = decodeBody(body, headers.get("content-transfer-encoding"), type.charset);
  return type.name === "text/html" || looksLikeHtml(text) ? htmlText(text) : text;
}

function multipartText({ name }, parts) {
  const texts = parts.map((part) =>
    partText(part, name === "multipart/digest" ? "message/rfc822" : "text/plain"),
  );
  // alternatives say the same, the plainest first
  if (name === "multipart/alternative") return texts.find((text) => text.trim() !== "") ?? "";
  return texts.join("\n");
}

function splitHeaders(message) {
  const end = message.startsWith("\n") ? 0 : message.indexOf("\n\n");
  const head = end < 0 ? message : message.slice(0, end);
  const headers = new Map();
  for (const line of head.replace(/\n[ \t]+/g, " ").split("\n")) {
    const match = /^([!-9;-~]+):\s*(.*)$/.exec(line);
    if (match !== null && !headers.has(match[1].toLowerCase())) headers.set(match[1].toLowerCase(), match[2]);
  }
  return { headers, body: end < 0 ? "" : message.slice(end).replace(/^\n+/, "") };
}

function parseContentType(value, defaultType) {
  const name = /^\s*([\w.+-]+\/[\w.+-]+)/.exec(value ?? "")?.[1]?.toLowerCase() ?? defaultType;
  const parameter = (key) => {
    const match = new RegExp(`;\\s*${key}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, "i").exec(value ?? "");
    return match?.[1] ?? match?.[2];
  };
  return { name, charset: parameter("charset"), boundary: parameter("boundary") };
}

// broken mails declare another boundary than they have, or none: then the first line of that shape is it
function findBoundary({ name, boundary }, body) {
  const lines = body.split("\n");
  if (name.startsWith("multipart/") && lines.some((line) => line.trimEnd() === `--${boundary}`))
    return boundary;
  const at = lines.findIndex(
    (line, i) => line.startsWith("--") && /^content-type:/i.test(lines[i + 1] ?? ""),
  );
  return at < 0 ? undefined : lines[at].slice(2).trimEnd();
}

function splitParts(body, boundary) {
  const delimiter = `--${boundary}`;
  const parts = [];
  let lines; // undefined before the first delimiter
  for (const line of body.split("\n")) {
    const end = line.trimEnd();
    if (end !== delimiter && end !== `${delimiter}--`) {
      lines?.push(line);
      continue;
    }
    if (lines !== undefined) parts.push(lines.join("\n"));
    lines = end === delimiter ? [] : undefined;
  }
  if (lines !== undefined) parts.push(lines.join("\n")); // cut off before the last delimiter
  return parts;
}

function decodeBody(body, encoding, charset) {
  switch (encoding?.trim().toLowerCase()) {
    case "base64":
      return decodeCharset(Buffer.from(body, "base64"), charset);
    case "quoted-printable":
      return decodeCharset(quotedPrintableBytes(body), charset);
    default:
      // what is not ASCII has been read as UTF-8 already; ASCII may still be escapes, as in ISO-2022-JP
      return /^[\0-\x7f]*$/.test(body) ? decodeCharset(Buffer.from(body, "latin1"), charset) : body;
  }
}

function quotedPrintableBytes(text) {
  const bytes = Buffer.from(text.replace(/=[ \t]*\n/g, ""), "utf8");
  const decoded = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x3d ? bytes.toString("latin1", at + 1, at + 3) : "";
    const isEscape = /^[0-9a-f]{2}$/i.test(hex);
    decoded[length++] = isEscape ? Number.parseInt(hex, 16) : bytes[at];
    if (isEscape) at += 2;
  }
  return decoded.subarray(0, length);
}

function decodeCharset(bytes, charset = "windows-1252") {
  const decoder = decoderOf(charset);
  if (decoder.encoding !== "windows-1252") return decoder.decode(bytes).replaceAll("\uFFFD", "");
  // some versions of Node read this as ISO 8859-1
  return bytes.toString("latin1").replace(/[\x80-\x9f]/g, (byte) => windows1252[byte.charCodeAt(0) - 0x80]);
}

const windows1252 = [
  ..."\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f",
  ..."\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178",
];

function decoderOf(charset) {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder("windows-1252"); // an unknown or misspelt name
  }
}

// also mails that say nothing or something else of what they are
function looksLikeHtml(text) {
  return (
    /^\s*<(!doctype|html|head|body|table|center|div|font|p|br)\b/i.test(text) || /<\/(html|body)>/i.test(text)
  );
}

const inlineTags = /<\/?(a|abbr|b|big|em|font|i|s|small|span|strong|sub|sup|tt|u)(\s[^<>]*)?>/gi;
const hiddenElements = /<(script|style|title|head)\b[^>]*>[\s\S]*?<\/\1\s*>/gi;

// words are kept whole: spam hides them from filters by tags and comments between their letters
function htmlText(html) {
  const text = html
    .replace(/<!--[\s\S]*?(-->|$)/g, "")
    .replace(hiddenElements, " ")
    .replace(inlineTags, "")
    .replace(/<[/!?a-z][^<>]*(>|$)/gi, " ");
  return decodeEntities(text);
}

const namedEntities = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ",
  copy: "\u00a9", reg: "\u00ae", trade: "\u2122", bull: "\u2022", middot: "\u00b7", hellip: "\u2026",
  ndash: "\u2013", mdash: "\u2014", lsquo: "\u2018", rsquo: "\u2019", ldquo: "\u201c", rdquo: "\u201d",
  laquo: "\u00ab", raquo: "\u00bb", cent: "\u00a2", pound: "\u00a3", yen: "\u00a5", euro: "\u20ac",
  eacute: "\u00e9", egrave: "\u00e8", agrave: "\u00e0", ccedil: "\u00e7", ntilde: "\u00f1",
  auml: "\u00e4", ouml: "\u00f6", uuml: "\u00fc", szlig: "\u00df",
}; // prettier-ignore

function decodeEntities(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));?/gi, (entity, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[name.toLowerCase()] ?? entity;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "";
  });
}
