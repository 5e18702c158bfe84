// Reordering of dimensions by a pattern of names, as the library einops spells it; after torch/_functorch/einops.py.
import { ShapeError, UsageError } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";

/** What one dimension is made of: names of axes, outermost first; none for a dimension of size 1. */
type Group = readonly string[];

const ellipsis = "...";

/**
 * Reorders, joins and splits dimensions. Each side of the pattern names them in order: `(a b)` is one dimension made of
 * two, `1` or `()` one of size 1, `...` any number of dimensions that stay together. Of the axes that the left side
 * splits, `axes` gives the sizes, except for one in each dimension.
 *
 * @example
 * const images = torch.zeros([8, 32, 48, 3]);
 * torch.func.rearrange(images, "b h w c -> b c h w").shape; // => [8, 3, 32, 48]
 * torch.func.rearrange(images, "b (h h2) (w w2) c -> (b h2 w2) h w c", { h2: 2, w2: 2 }).shape; // => [32, 16, 24, 3]
 */
export function rearrange(
  tensor: Tensor,
  pattern: string,
  axes: Readonly<Record<string, number>> = {},
): Tensor {
  const fail = (problem: string): never => {
    throw new UsageError(`rearrange: ${problem} in "${pattern}".`);
  };
  const sides = pattern.split("->");
  if (sides.length !== 2) fail('there must be one "->" between two sides');
  const [left, right] = sides.map((side) => parse(side, fail)) as [Group[], Group[]];
  checkNames(left, right, axes, fail);
  const outer = tensor.ndim - left.length + 1; // dimensions that the ellipsis stands for
  const names = Array.from({ length: Math.max(outer, 0) }, (_, i) => `...${i}`);
  const hasEllipsis = left.some((group) => group.includes(ellipsis));
  if (hasEllipsis ? outer < 0 : left.length !== tensor.ndim) {
    throw new ShapeError(
      `rearrange: "${pattern}" must have the tensor's number of dimensions, got ${left.length - (hasEllipsis ? 1 : 0)} for shape [${tensor.shape.join(", ")}].`,
    );
  }
  const from = left.flatMap((group) => (group[0] === ellipsis ? names.map((name) => [name]) : [group]));
  const to = right.flatMap((group) => {
    if (group.length === 1 && group[0] === ellipsis) return names.map((name) => [name]);
    return [group.flatMap((name) => (name === ellipsis ? names : [name]))];
  });
  const sizes = new Map<string, number>();
  for (const [dim, group] of from.entries()) bind(tensor, dim, group, axes, sizes, pattern);
  const order = from.flat();
  const product = (group: Group) => group.reduce((total, name) => total * sizes.get(name)!, 1);
  return tensor
    .reshape(order.map((name) => sizes.get(name)!))
    .permute(to.flat().map((name) => order.indexOf(name)))
    .reshape(to.map(product));
}

/** Reads one side: the groups of its dimensions, a lone axis as a group of one. */
function parse(side: string, fail: (problem: string) => never): Group[] {
  const groups: Group[] = [];
  let open: string[] | undefined;
  for (const token of side.match(/\.\.\.|[()]|[^\s().]+|\./g) ?? []) {
    if (token === "(") {
      if (open !== undefined) fail("brackets must not be inside brackets");
      open = [];
    } else if (token === ")") {
      if (open === undefined) fail('a ")" must have its "("');
      groups.push(open!);
      open = undefined;
    } else if (token === "1") {
      if (open === undefined) groups.push([]);
    } else if (token !== ellipsis && !/^[A-Za-z](\w*[A-Za-z0-9])?$/.test(token)) {
      fail(`an axis must be a name of letters, digits and inner underscores, or 1, got "${token}"`);
    } else if (open === undefined) groups.push([token]);
    else open.push(token);
  }
  if (open !== undefined) fail('a "(" must have its ")"');
  return groups;
}

function checkNames(
  left: readonly Group[],
  right: readonly Group[],
  axes: Readonly<Record<string, number>>,
  fail: (problem: string) => never,
): void {
  const [before, after] = [left.flat(), right.flat()];
  for (const names of [before, after]) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) fail(`"${twice}" must not be there twice on one side`);
  }
  const alone = [...before, ...after].filter((name) => !before.includes(name) || !after.includes(name));
  if (alone.length > 0) fail(`names must be on both sides, got ${alone.join(", ")} on one`);
  if (left.some((group) => group.length > 1 && group.includes(ellipsis))) {
    fail("an ellipsis must not be in brackets on the left");
  }
  for (const [name, size] of Object.entries(axes)) {
    if (!before.includes(name)) fail(`axes must name what is in the pattern, got ${name}`);
    if (!Number.isInteger(size) || size < 0) fail(`the size of ${name} must be a whole number, got ${size}`);
  }
}

/** Finds the sizes of the axes that make one dimension. */
function bind(
  tensor: Tensor,
  dim: number,
  group: Group,
  axes: Readonly<Record<string, number>>,
  sizes: Map<string, number>,
  pattern: string,
): void {
  const size = tensor.shape[dim]!;
  const unknown = group.filter((name) => axes[name] === undefined);
  const known = group.reduce((total, name) => total * (axes[name] ?? 1), 1);
  const rest = known === 0 ? 0 : size / known;
  const fits = unknown.length === 0 ? known === size : unknown.length === 1 && Number.isInteger(rest);
  if (!fits) {
    const remedy =
      unknown.length > 1 ? `Give the sizes of all but one of ${unknown.join(", ")}.` : "Check the sizes.";
    throw new ShapeError(
      `rearrange: dimension ${dim} of size ${size} must be made of ${group.length === 0 ? "1" : `(${group.join(" ")})`} in "${pattern}", got ${JSON.stringify(axes)}. ${remedy}`,
    );
  }
  for (const name of group) sizes.set(name, axes[name] ?? rest);
}
