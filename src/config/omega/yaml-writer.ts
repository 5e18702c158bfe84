// Writes the characters of YAML block style: indents, indicators, and texts folded at 80 columns, as PyYAML does.
const width = 80;
const indentStep = 2;

const escapes: Readonly<Record<string, string>> = {
  "\0": "0",
  "\x07": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  '"': '"',
  "\\": "\\",
  "\x85": "N",
  "\xa0": "_",
  "\u2028": "L",
  "\u2029": "P",
};

/** Collects YAML text and knows the column that it has come to. */
export class YamlWriter {
  readonly #out: string[] = [];
  #column = 0;
  #indent: number | undefined;
  /** True where a space, or nothing, stands before. */
  #afterSpace = true;
  /** True where nothing but indents and dashes stands on the line. */
  #atIndent = true;

  get text(): string {
    return this.#out.join("");
  }

  get isAtIndent(): boolean {
    return this.#atIndent;
  }

  /** Runs `write` one level deeper; `flow` is for scalars, whose folded lines are indented even at the root. */
  indented(write: () => void, { flow = false, isLevel = true } = {}): void {
    const before = this.#indent;
    if (before === undefined) this.#indent = flow ? indentStep : 0;
    else if (isLevel) this.#indent = before + indentStep;
    write();
    this.#indent = before;
  }

  /** Writes `-`, `:`, `?`, a bracket or a quote. */
  indicator(text: string, { space = false, isSpace = false, keepsIndent = false } = {}): void {
    this.#write(this.#afterSpace || !space ? text : ` ${text}`);
    this.#afterSpace = isSpace;
    this.#atIndent = this.#atIndent && keepsIndent;
  }

  /** Goes to the indent, on a new line where this one holds anything. */
  newLine(): void {
    const indent = this.#indent ?? 0;
    if (!this.#atIndent || this.#column > indent || (this.#column === indent && !this.#afterSpace))
      this.#lineBreak();
    if (this.#column < indent) {
      this.#write(" ".repeat(indent - this.#column));
      this.#afterSpace = true;
    }
  }

  plain(text: string, { fold = true } = {}): void {
    if (text === "") return;
    if (!this.#afterSpace) this.#write(" ");
    this.#inText();
    for (const run of text.match(/ +|[^ ]+/gu)!) {
      if (fold && run === " " && this.#column > width) {
        this.newLine();
        this.#inText();
      } else this.#write(run);
    }
  }

  singleQuoted(text: string, { fold = true } = {}): void {
    this.indicator("'", { space: true });
    let at = 0;
    for (const [run] of text.matchAll(/ +|[\n\x85\u2028\u2029]+|[^ \n\x85\u2028\u2029]+/gu)) {
      const isInner = at > 0 && at + run.length < text.length;
      if (run === " " && fold && isInner && this.#column > width) this.newLine();
      else if (/^[\n\x85\u2028\u2029]/u.test(run)) this.#breaks(run);
      else this.#write(run.replaceAll("'", "''"));
      at += run.length;
    }
    this.indicator("'");
  }

  doubleQuoted(text: string, { fold = true } = {}): void {
    this.indicator('"', { space: true });
    const characters = [...text];
    let pending = ""; // characters that are not written yet
    const flush = (end = "") => {
      this.#write(`${pending}${end}`);
      pending = "";
    };
    for (const [at, character] of characters.entries()) {
      const escaped = escapeOf(character);
      const isInner = at > 0 && at < characters.length - 1;
      const mayFold = character === " " || escaped !== undefined || pending === "";
      // an escape counts one character less, as in PyYAML
      const ahead = escaped === undefined ? [...pending].length : -1;
      if (escaped !== undefined) flush(escaped);
      if (fold && isInner && mayFold && this.#column + ahead > width) {
        flush("\\");
        this.newLine();
        this.#inText();
        const next = escaped === undefined ? character : characters[at + 1];
        if (next === " ") this.#write("\\");
      }
      if (escaped === undefined) pending += character;
    }
    flush();
    this.indicator('"');
  }

  #breaks(run: string): void {
    if (run.startsWith("\n")) this.#lineBreak();
    for (const character of run) this.#lineBreak(character);
    this.newLine();
  }

  #inText(): void {
    this.#afterSpace = false;
    this.#atIndent = false;
  }

  #lineBreak(text = "\n"): void {
    this.#out.push(text);
    this.#column = 0;
    this.#afterSpace = true;
    this.#atIndent = true;
  }

  #write(text: string): void {
    this.#out.push(text);
    this.#column += [...text].length;
  }
}

/** Writes a character that cannot stand in double quotes as an escape. */
function escapeOf(character: string): string | undefined {
  const code = character.codePointAt(0)!;
  const isPlain =
    (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd);
  if (isPlain && !'"\\\u2028\u2029\ufeff'.includes(character)) return undefined;
  const short = escapes[character];
  if (short !== undefined) return `\\${short}`;
  const digits = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${digits.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}
