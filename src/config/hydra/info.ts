// What `--info` prints: where a config comes from and how it came about.
import { sconceVersion } from "../../base/index.ts";
import { toYaml } from "../omega/to-yaml.ts";
import type { InfoTopic } from "./command-line.ts";
import type { Composition } from "./compose.ts";
import { type DefaultItem, configPathOf, nameOf, overrideKeyOf } from "./default-item.ts";
import { rootPath } from "./defaults-list.ts";
import type { DefaultsNode } from "./defaults-tree.ts";
import { basicLauncher, basicSweeper, hydraVersion } from "./hydra-config.ts";
import { jobConfig } from "./hydra-resolvers.ts";

/** Writes what a topic of `--info` tells of a composition. */
export function showInfo(composition: Composition, topic: InfoTopic): string {
  const sections: Record<InfoTopic, () => string> = {
    all: () =>
      [
        underlined(`Sconce ${sconceVersion}, composing as Hydra ${hydraVersion}`, "="),
        plugins(),
        sections.config(),
      ].join("\n"),
    config: () =>
      [
        sections.searchpath(),
        sections["defaults-tree"](),
        sections.defaults(),
        underlined("Config", "*"),
        toYaml(jobConfig(composition.config)),
      ].join("\n"),
    defaults: () => `\n${underlined("Defaults List", "*")}\n${defaultsTable(composition)}`,
    "defaults-tree": () => `\n${underlined("Defaults Tree", "*")}\n${treeLines(composition).join("\n")}`,
    plugins,
    searchpath: () => `\n${underlined("Config search path", "*")}\n${searchPathTable(composition)}`,
  };
  return `${sections[topic]()}\n`;
}

function underlined(title: string, line: string): string {
  return `${title}\n${line.repeat(title.length)}`;
}

function plugins(): string {
  const shown = { Launcher: basicLauncher, Sweeper: basicSweeper };
  const lines = Object.entries(shown).map(
    ([kind, target]) => `\t${kind}:\n\t${"-".repeat(kind.length + 1)}\n\t\t${target.split(".").at(-1)!}`,
  );
  return [underlined("Installed Hydra Plugins", "*"), ...lines].join("\n");
}

function searchPathTable({ repository }: Composition): string {
  return table(
    ["Provider", "Search path"],
    repository.sources.map(({ provider, scheme, path }) => [provider, `${scheme}://${path}`]),
    " |",
  );
}

function defaultsTable({ defaults }: Composition): string {
  return table(
    ["Config path", "Package", "_self_", "Parent"],
    defaults.map((entry) => [entry.configPath, entry.package, entry.isSelf ? "True" : "False", entry.parent]),
    " | ",
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[], end: string): string {
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  const header = `${line(titles).slice(0, -2)}${end}`;
  const rule = "-".repeat(header.length);
  return [header, rule, ...rows.map(line), rule].join("\n");
}

function treeLines({ trees }: Composition): string[] {
  const lines = [`${rootPath}:`];
  const visit = (node: DefaultsNode, depth: number): void => {
    const hasChildren = node.children !== undefined;
    lines.push(`${"  ".repeat(depth)}${describe(node.item)}${hasChildren ? ":" : ""}`);
    for (const child of node.children ?? []) visit(child, depth + 1);
  };
  for (const tree of trees) visit(tree, 1);
  return lines;
}

function describe(item: DefaultItem): string {
  if (item.kind === "group") return `${overrideKeyOf(item)}: ${nameOf(item) ?? "null"}`;
  return item.path === "_self_" ? "_self_" : configPathOf(item);
}
