// A strategy: gradients keep the signs alone, and what that loses is added to the next step's (Karimireddy et al. 2019).
import { Strategy, registerStrategy } from "sconce";
import { type Tensor, type nn, zerosLike } from "sconce/torch";

/**
 * Makes each weight's gradient its signs times their mean size: what processes would send each other with one bit a number.
 * What is lost is kept, in checkpoints too, and added to the next gradient, so that nothing is lost for good.
 */
export class SignGradients extends Strategy {
  readonly #errors = new Map<string, Tensor>();
  #names: string[] = [];

  override setup(model: nn.Module): void {
    const trained = Array.from(model.namedParameters());
    this.#names = trained.map(([name]) => name);
    for (const [name, parameter] of trained) this.#errors.set(name, zerosLike(parameter));
  }

  /** Runs without gradients, before they are clipped. */
  override reduceGradients(parameters: readonly Tensor[]): void {
    for (const [i, { grad }] of parameters.entries()) {
      if (grad === null) continue;
      const error = this.#errors.get(this.#names[i]!)!;
      error.add_(grad); // all that is to be sent
      grad.copy_(error.sign().mul_(error.abs().mean()));
      error.sub_(grad); // and what was not
    }
  }

  override stateDict(): Map<string, Tensor> {
    return this.#errors;
  }

  override loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, error] of this.#errors) error.copy_(state.get(name)!);
  }
}

registerStrategy("sign_gradients", SignGradients);
