// A command's own flags among words that go on to Hydra's command line.

/** Parts words into the flags of a command, with their values, and the rest in its order. */
export function takeFlags(
  words: readonly string[],
  flags: Readonly<Record<string, { type: "string" | "boolean" }>>,
): { own: string[]; rest: string[] } {
  const own: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const name = /^--([^=]+)/u.exec(word)?.[1];
    const flag = name !== undefined && Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) rest.push(word);
    else own.push(word, ...(flag.type === "string" && !word.includes("=") ? words.slice(++at, at + 1) : []));
  }
  return { own, rest };
}
