// Reads JSON (RFC 8259) with the place of every key and value; JSON.parse tells neither.
import { LineIndex, SourceMap, SyntaxIssues, limits, syntaxIssue } from "./document.ts";
import { type ConfigMap, type ConfigPath, type ConfigValue, forbiddenKeys, formatPath } from "./value.ts";

/**
 * Reads JSON text into a value and the places of its parts.
 * Comments, trailing commas, duplicate keys and keys such as `__proto__` are errors, each with its place.
 */
export function parseJson(text: string): { value: ConfigValue; places: SourceMap } {
  return new JsonReader(text).read();
}

class JsonReader {
  readonly #text: string;
  readonly #lines: LineIndex;
  readonly #places = new SourceMap();
  #at = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lines = new LineIndex(text);
  }

  read(): { value: ConfigValue; places: SourceMap } {
    const value = this.#value([]);
    this.#skipSpace();
    if (this.#at < this.#text.length)
      this.#fail(`JSON ends here, got ${this.#found()} after it. Delete the rest.`);
    return { value, places: this.#places };
  }

  #value(path: ConfigPath): ConfigValue {
    this.#skipSpace();
    this.#places.setValue(path, this.#lines.place(this.#at));
    if (path.length > limits.depth)
      this.#fail(`more than ${limits.depth} levels of nesting. Flatten the config.`, path);
    if (++this.#nodes > limits.nodes) this.#fail(`more than ${limits.nodes} values. Split the config.`);
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(path);
    if (first === "[") return this.#array(path);
    if (first === '"') return this.#string();
    return this.#word(path);
  }

  #object(path: ConfigPath): ConfigMap {
    const object: ConfigMap = {};
    this.#at++;
    for (let count = 0; !this.#closes("}", count, path); count++) {
      if (this.#text[this.#at] !== '"') {
        this.#fail(`a key in double quotes must stand here, got ${this.#found()}.${this.#hint()}`, path);
      }
      const at = this.#at;
      const key = this.#string();
      const keyPath = [...path, key];
      const problem = keyProblem(key);
      if (problem !== undefined) this.#fail(problem, keyPath, at);
      if (Object.hasOwn(object, key)) {
        const first = this.#places.key(keyPath);
        this.#fail(
          `the key stands here a second time (first in line ${first?.line}). Delete one.`,
          keyPath,
          at,
        );
      }
      this.#places.setKey(keyPath, this.#lines.place(at));
      this.#skipSpace();
      if (this.#text[this.#at] !== ":") {
        this.#fail(`":" must follow the key, got ${this.#found()}.${this.#hint()}`, keyPath);
      }
      this.#at++;
      object[key] = this.#value(keyPath);
    }
    return object;
  }

  #array(path: ConfigPath): ConfigValue[] {
    const array: ConfigValue[] = [];
    this.#at++;
    while (!this.#closes("]", array.length, path)) array.push(this.#value([...path, array.length]));
    return array;
  }

  /** Steps over a comma or the closing bracket; true when closed. */
  #closes(bracket: "}" | "]", count: number, path: ConfigPath): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] === bracket) {
      this.#at++;
      return true;
    }
    if (count === 0) return false;
    if (this.#text[this.#at] !== ",") {
      this.#fail(`"," or "${bracket}" must stand here, got ${this.#found()}.${this.#hint()}`, path);
    }
    const comma = this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === bracket) {
      this.#fail(`JSON has no comma before "${bracket}". Delete it.`, path, comma);
    }
    return false;
  }

  #string(): string {
    const start = this.#at;
    // JSON.parse checks escapes; the scan only finds the end
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) {
      const unit = this.#text.charCodeAt(this.#at);
      if (Number.isNaN(unit) || unit === 0x0a)
        this.#fail('the string that starts here has no closing ".', [], start);
      if (unit < 0x20)
        this.#fail(`a control character must be escaped, got ${escapeUnit(unit)}. Write it as that.`);
      if (unit === 0x5c) this.#at++;
    }
    this.#at++;
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      return this.#fail(
        'the string holds an escape that JSON does not know. Valid: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX.',
        [],
        start,
      );
    }
  }

  #word(path: ConfigPath): ConfigValue {
    const word = /[^\s,:[\]{}"/]*/uy;
    word.lastIndex = this.#at;
    const [text] = word.exec(this.#text)!;
    if (text === "true" || text === "false") return this.#take(text, text === "true");
    if (text === "null") return this.#take(text, null);
    if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/u.test(text)) {
      const number = Number(text);
      if (!Number.isFinite(number)) this.#fail(`the number ${text} is too large for a 64-bit float.`);
      if (/[.eE]/u.test(text)) this.#places.markFloat(path);
      return this.#take(text, number);
    }
    return this.#fail(`a value must stand here, got ${this.#found(text)}.${this.#hint(text)}`);
  }

  #take<T>(text: string, value: T): T {
    this.#at += text.length;
    return value;
  }

  #skipSpace(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "end")) this.#at++;
    if (this.#text[this.#at] === "#" || /^\/[/*]/u.test(this.#text.slice(this.#at, this.#at + 2))) {
      this.#fail("JSON has no comments. Delete it, or write the config as YAML (.yaml).");
    }
  }

  #found(word = ""): string {
    if (this.#at >= this.#text.length) return "the end of the file";
    return JSON.stringify(
      word === "" ? String.fromCodePoint(this.#text.codePointAt(this.#at)!) : word.slice(0, 40),
    );
  }

  #hint(word = ""): string {
    if (this.#text[this.#at] === "'") return " JSON strings stand in double quotes.";
    if (["True", "False", "None"].includes(word)) return " JSON writes true, false and null.";
    if (/^[+-]?(NaN|Infinity|inf|nan)$/u.test(word)) return " JSON has no such number.";
    if (/^[+.\d]/u.test(word)) return " Numbers look like 12, 0.5 or 5e-05.";
    if (/^[\p{L}_]/u.test(word)) return " Strings stand in double quotes.";
    return "";
  }

  #fail(message: string, path: ConfigPath = [], at = this.#at): never {
    throw new SyntaxIssues([syntaxIssue(message, this.#lines.place(at), formatPath(path))]);
  }
}

/** Says why a mapping may not have this key, or returns undefined. */
export function keyProblem(key: string): string | undefined {
  if (forbiddenKeys.includes(key)) return `the key ${JSON.stringify(key)} is reserved. Choose another name.`;
  if (key.includes("\0")) return "a key must not hold the character NUL. Choose another name.";
  return undefined;
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
