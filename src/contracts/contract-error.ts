// What a contract says that is broken.
import { SconceError } from "../base/index.ts";

/** Lists everything in which a model or a data module does not do what the trainer relies on. */
export class ContractError extends SconceError {
  readonly code = "contract";
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    super(problems.map((problem) => `${subject}: ${problem}`).join("\n"));
    this.problems = problems;
  }
}
