// Finds the name that somebody probably meant.

/** Returns the name of `valid` nearest to `name`, or undefined when none is near. */
export function nearest(name: string, valid: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of valid) {
    const distance = editDistance(normalize(name), normalize(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Asks for the nearest name, behind a space: ` Did you mean "lr"?`; empty when none is near. */
export function didYouMean(name: string, valid: Iterable<string>): string {
  const near = nearest(name, valid);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

/** Says which names exist, the nearest one first: `Did you mean "lr"? Valid: betas, eps, lr.` */
export function suggestion(name: string, valid: Iterable<string>): string {
  const names = [...valid].sort();
  return `${didYouMean(name, names)} Valid: ${names.join(", ")}.`.trimStart();
}

function normalize(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
