// The code blocks of a Markdown text.

/**
 * Returns the bash and ts blocks in their order, `{ language, code, line, reason }`; `reason` says why one is not run.
 */
export function codeBlocks(markdown) {
  const blocks = [];
  let open; // the block that the present line is in
  let reason;
  for (const [index, line] of markdown.split(/\r?\n/).entries()) {
    const fence = /^(\s*)(`{3,})\s*(\w*)/.exec(line);
    if (open !== undefined) {
      if (fence !== null && fence[2] === open.fence && line.trim() === open.fence) {
        const { language, lines, indent } = open;
        const code = lines
          .map((text) => (text.startsWith(indent) ? text.slice(indent.length) : text))
          .join("\n");
        if (language === "bash" || language === "ts") {
          blocks.push({
            language,
            code,
            line: open.line,
            ...(open.reason !== undefined && { reason: open.reason }),
          });
        }
        open = undefined;
      } else open.lines.push(line);
    } else if (fence !== null) {
      const [, indent, marks, language] = fence;
      open = { indent, fence: marks, language, line: index + 1, lines: [], reason };
      reason = undefined;
    } else {
      const comment = /^\s*<!--\s*no-run:\s*(.+?)\s*-->\s*$/.exec(line);
      if (comment !== null) reason = comment[1];
      else if (line.trim() !== "") reason = undefined; // it stands right above its block
    }
  }
  if (open !== undefined) throw new Error(`line ${open.line}: the code block is not closed.`);
  return blocks;
}

const expectation = /^(\s*)(.*?);?\s*\/\/ => (.+)$/;
const declaration = /^(?:const|let|using)\s+([\w$]+)[^=]*=[^=>]/;
const log = /^console\.log\((.*)\)$/s;

/**
 * Turns `STATEMENT; // => VALUE` into a check of the value of the statement's expression, or of what it declares.
 * Returns `{ program }`, or `{ problem }` where a `// =>` stands behind part of a statement.
 */
export function withExpectations(code) {
  const lines = [];
  for (const line of code.split("\n")) {
    const [, indent, statement, value] = expectation.exec(line) ?? [];
    if (statement === undefined) lines.push(line);
    else if (/^[)\]}.]/.test(statement)) {
      return { problem: `"// =>" must stand behind a whole statement on one line, got: ${line.trim()}` };
    } else {
      const declared = declaration.exec(statement)?.[1];
      const checked = declared ?? log.exec(statement)?.[1] ?? statement;
      const check = `expectValue(${checked}, ${JSON.stringify(value.trim())});`;
      lines.push(declared === undefined ? `${indent}${check}` : `${indent}${statement}; ${check}`);
    }
  }
  return { program: `${lines.join("\n")}\n${declarations}` };
}

const declarations = "declare function expectValue(actual: unknown, expected: string): void;\nexport {};\n";
