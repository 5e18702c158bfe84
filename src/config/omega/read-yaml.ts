// Reads YAML as OmegaConf does, through PyYAML: YAML 1.1 words, more floats, and no dates.
import { ConfigError } from "../../base/index.ts";
import { SyntaxIssues, limits, syntaxIssue } from "../document.ts";
import { type ConfigNode, documentNode } from "../node.ts";
import { readPlainYaml } from "../plain-yaml.ts";
import { parseJson } from "../parse-json.ts";
import { type YamlDialect, type YamlScalar, readYamlTree } from "../yaml-tree.ts";
import { contentIssues } from "./content-issues.ts";
import { type PlainTag, omegaTag, readTagged } from "./plain-scalar.ts";

/**
 * Reads YAML text to a tree as OmegaConf does: `yes` and `off` are booleans, `010` is 8, `1e3` a float and `1_000`
 * a thousand, quoted text stays text; an empty text is null.
 * `source` is the name that messages give the text. Whatever cannot be read throws a `ConfigError` with its place;
 * so does an interpolation that is not
 * well-formed, text of more than 1 MiB, and a key that stands twice, also where it is a number.
 */
export function readYaml(text: string, source: string): ConfigNode {
  return reading(
    text,
    source,
    (content) => readPlainYaml(content, source, omegaDialect) ?? readYamlTree(content, source, omegaDialect),
  );
}

/** Reads JSON text to a tree, as `readYaml` reads YAML. */
export function readJson(text: string, source: string): ConfigNode {
  return reading(text, source, (content) => documentNode({ source, ...parseJson(content) }));
}

function reading(text: string, source: string, read: (content: string) => ConfigNode): ConfigNode {
  try {
    if (text.length > limits.bytes) {
      throw new SyntaxIssues([
        syntaxIssue(`a config has at most ${limits.bytes} characters, got ${text.length}.`, {
          line: 1,
          column: 1,
        }),
      ]);
    }
    const node = read(text.startsWith("\uFEFF") ? text.slice(1) : text);
    const issues = contentIssues(node);
    if (issues.length > 0) throw new SyntaxIssues(issues.slice(0, 20));
    return node;
  } catch (error) {
    if (error instanceof SyntaxIssues) throw new ConfigError(source, error.issues);
    throw error;
  }
}

const scalarTags: readonly PlainTag[] = ["bool", "float", "int", "null"];
const tagPrefix = "tag:yaml.org,2002:";

export const omegaDialect: YamlDialect = {
  schema: "failsafe",
  tags: scalarTags,
  scalar({ value, type, tag }, isCutOff): YamlScalar | string {
    // YAML 1.2 ends a block with a newline that PyYAML leaves out where the text has none
    const isCutBlock = isCutOff && (type === "BLOCK_LITERAL" || type === "BLOCK_FOLDED");
    const text = isCutBlock ? String(value).replace(/\n$/u, "") : String(value);
    const isPlain = type === "PLAIN";
    const named = tag?.startsWith(tagPrefix) ? (tag.slice(tagPrefix.length) as PlainTag) : undefined;
    const meaning = named ?? (isPlain ? omegaTag(text) : "str");
    if (isPlain && named === undefined && (meaning === "merge" || meaning === "value"))
      return `the word ${text} has a meaning of its own in YAML. Quote it.`;
    const word = JSON.stringify(text.slice(0, 40));
    return readTagged(meaning, text) ?? `${word} is no ${meaning} of YAML. Quote it, or correct it.`;
  },
  key: ({ value }) => (value === null || typeof value === "bigint" ? undefined : value),
};
