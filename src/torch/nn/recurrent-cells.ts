// One step of a recurrent layer. Whole sequences: ./recurrent.ts.
import { ShapeError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { gruCell, lstmCell, rnnReluCell, rnnTanhCell, zeros } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { sized } from "./repr.ts";
import { checkNonlinearity, checkSizes } from "./recurrent.ts";

/** Options of `LSTMCell` and `GRUCell`. */
export interface RecurrentCellOptions extends FactoryOptions {
  /** @default true */
  bias?: boolean;
}

/** Options of `RNNCell`. */
export interface RNNCellOptions extends RecurrentCellOptions {
  /** @default "tanh" */
  nonlinearity?: "tanh" | "relu";
}

const sharedNames = ["bias", ...factoryNames];

/** Holds what the three cells share: weights, checks, and input without a batch. */
export abstract class RNNCellBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | null;
  readonly bias_hh: Parameter | null;

  protected constructor(inputSize: number, hiddenSize: number, gates: number, options: RecurrentCellOptions) {
    super();
    checkSizes(new.target.name, { inputSize, hiddenSize });
    const { bias = true, ...factory } = options;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.weight_ih = newWeight([gates * hiddenSize, inputSize], factory);
    this.weight_hh = newWeight([gates * hiddenSize, hiddenSize], factory);
    this.bias_ih = bias ? newWeight([gates * hiddenSize], factory) : null;
    this.bias_hh = bias ? newWeight([gates * hiddenSize], factory) : null;
    this.resetParameters();
  }

  /** Draws all weights from U(-1/sqrt(hidden), 1/sqrt(hidden)). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const weight of this.parameters()) uniform_(weight, { a: -bound, b: bound });
  }

  override extraRepr(): string {
    return sized([this.inputSize, this.hiddenSize], { bias: this.bias_ih === null ? false : undefined });
  }

  /** Runs `step` on a batch; a single item becomes one and is taken out again. Missing states are zeros. */
  protected run(
    step: (x: Tensor, states: Tensor[]) => Tensor[],
    input: Tensor,
    given: readonly (Tensor | undefined)[],
  ): Tensor[] {
    const name = this.constructor.name;
    const { shape } = input;
    if ((shape.length !== 1 && shape.length !== 2) || shape.at(-1) !== this.inputSize) {
      throw new ShapeError(
        `${name}: input must be [batch, inputSize] or [inputSize] with inputSize=${this.inputSize}, got [${shape.join(", ")}].`,
      );
    }
    const expected = shape.with(-1, this.hiddenSize);
    const states = given.map((state, i) => {
      if (state === undefined) return zeros(expected, { dtype: input.dtype, device: input.device });
      if (state.shape.join() === expected.join()) return state;
      throw new ShapeError(
        `${name}: the ${["hidden", "cell"][i]} state must be [${expected.join(", ")}] for input [${shape.join(", ")}], got [${state.shape.join(", ")}].`,
      );
    });
    if (shape.length === 2) return step(input, states);
    const batched = step(
      input.unsqueeze(0),
      states.map((state) => state.unsqueeze(0)),
    );
    return batched.map((state) => state.squeeze(0));
  }
}

/**
 * Computes one step of `nn.RNN`.
 *
 * Shapes: `input [batch, inputSize]`, `hx [batch, hiddenSize]` (zeros where left out) -> `[batch, hiddenSize]`;
 * without `batch` for one item.
 */
export class RNNCell extends RNNCellBase {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, given: RNNCellOptions = {}) {
    const names = [...sharedNames, "nonlinearity"];
    const { nonlinearity = "tanh", ...options } = named(new.target.name, given, names);
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = checkNonlinearity("RNNCell", nonlinearity);
  }

  override extraRepr(): string {
    const { nonlinearity } = this;
    return nonlinearity === "tanh" ? super.extraRepr() : `${super.extraRepr()}, nonlinearity=${nonlinearity}`;
  }

  override forward(input: Tensor, hx?: Tensor): Tensor {
    const cell = this.nonlinearity === "tanh" ? rnnTanhCell : rnnReluCell;
    const { weight_ih, weight_hh, bias_ih, bias_hh } = this;
    return this.run((x, [h]) => [cell(x, h!, weight_ih, weight_hh, bias_ih, bias_hh)], input, [hx])[0]!;
  }
}

/**
 * Computes one step of `nn.LSTM`.
 *
 * Shapes: `input [batch, inputSize]`, `hx` hidden and cell state `[batch, hiddenSize]` (zeros where left out) -> the
 * next two; without `batch` for one item.
 *
 * @example
 * const [hidden, cell] = new nn.LSTMCell(4, 8).forward(torch.ones([3, 4]));
 * [hidden.shape, cell.shape]; // => [[3, 8], [3, 8]]
 */
export class LSTMCell extends RNNCellBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super(inputSize, hiddenSize, 4, named(new.target.name, options, sharedNames));
  }

  override forward(
    input: Tensor,
    hx?: readonly [hidden: Tensor, cell: Tensor],
  ): [hidden: Tensor, cell: Tensor] {
    const { weight_ih, weight_hh, bias_ih, bias_hh } = this;
    const step = (x: Tensor, states: Tensor[]) => lstmCell(x, states, weight_ih, weight_hh, bias_ih, bias_hh);
    return this.run(step, input, [hx?.[0], hx?.[1]]) as [Tensor, Tensor];
  }
}

/**
 * Computes one step of `nn.GRU`.
 *
 * Shapes: `input [batch, inputSize]`, `hx [batch, hiddenSize]` (zeros where left out) -> `[batch, hiddenSize]`;
 * without `batch` for one item.
 */
export class GRUCell extends RNNCellBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super(inputSize, hiddenSize, 3, named(new.target.name, options, sharedNames));
  }

  override forward(input: Tensor, hx?: Tensor): Tensor {
    const { weight_ih, weight_hh, bias_ih, bias_hh } = this;
    return this.run((x, [h]) => [gruCell(x, h!, weight_ih, weight_hh, bias_ih, bias_hh)], input, [hx])[0]!;
  }
}
