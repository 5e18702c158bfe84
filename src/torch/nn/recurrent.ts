// Recurrent layers over whole sequences: RNN, LSTM, GRU. One step at a time: ./recurrent-cells.ts.
import { ShapeError, UsageError, logger } from "../../base/index.ts";
import { gru, lstm, rnnRelu, rnnTanh, zeros } from "../ops.generated.ts";
import { isTensor, named } from "../operator-arguments.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { uniform_ } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { pythonFloat, sized } from "./repr.ts";
import type { PackedSequence } from "./utils/rnn.ts";

/** Options that recurrent layers share. */
export interface RecurrentOptions extends FactoryOptions {
  /** Layers stacked on one another. @default 1 */
  numLayers?: number;
  /** @default true */
  bias?: boolean;
  /** Whether sequences are `[batch, seq, ...]` instead of `[seq, batch, ...]`; states keep their shape. @default false */
  batchFirst?: boolean;
  /** Dropout of every layer's output but the last's. @default 0 */
  dropout?: number;
  /** Adds a second layer that reads backwards; outputs are concatenated. @default false */
  bidirectional?: boolean;
}

/** Options of `RNN`. */
export interface RNNOptions extends RecurrentOptions {
  /** @default "tanh" */
  nonlinearity?: "tanh" | "relu";
}

/** Options of `LSTM`. */
export interface LSTMOptions extends RecurrentOptions {
  /** Projects the output to this size, below `hiddenSize` (Sak et al., 2014); 0 does not. @default 0 */
  projSize?: number;
}

const sharedNames = ["numLayers", "bias", "batchFirst", "dropout", "bidirectional", ...factoryNames];

/** An operator over padded `(input, states, ...)` or packed `(data, batchSizes, states, ...)` sequences. */
type Kernel = (...args: unknown[]) => Tensor[];

type WeightKind = "weight_ih" | "weight_hh" | "bias_ih" | "bias_hh" | "weight_hr";
type WeightName = `${WeightKind}_l${number}${"" | "_reverse"}`;

/** Holds what the three layers share: weights `weight_ih_l0`, `weight_hh_l0_reverse`, ..., checks, and the call. */
export abstract class RNNBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly projSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  [weight: `weight_${string}`]: Parameter;
  [bias: `bias_${string}`]: Parameter;

  protected constructor(
    inputSize: number,
    hiddenSize: number,
    gates: number,
    {
      numLayers = 1,
      bias = true,
      batchFirst = false,
      dropout = 0,
      bidirectional = false,
      projSize = 0,
      ...factory
    }: LSTMOptions,
  ) {
    super();
    const name = new.target.name;
    checkSizes(name, { inputSize, hiddenSize, numLayers });
    if (!(dropout >= 0 && dropout <= 1)) {
      throw new UsageError(`${name}: dropout must be a probability in [0, 1], got ${dropout}.`);
    }
    if (!(Number.isInteger(projSize) && projSize >= 0 && projSize < hiddenSize)) {
      throw new UsageError(
        `${name}: projSize must be a whole number from 0 to below hiddenSize=${hiddenSize}, got ${projSize}.`,
      );
    }
    if (dropout > 0 && numLayers === 1) {
      logger.warn(
        `${name}: dropout=${dropout} has no effect with one layer: the last layer's output is not dropped. Give numLayers above 1, or no dropout.`,
      );
    }
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.projSize = projSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;

    const output = projSize > 0 ? projSize : hiddenSize;
    const shapes: Record<WeightKind, number[]> = {
      weight_ih: [gates * hiddenSize, inputSize],
      weight_hh: [gates * hiddenSize, output],
      bias_ih: [gates * hiddenSize],
      bias_hh: [gates * hiddenSize],
      weight_hr: [projSize, hiddenSize],
    };
    for (const { name: weight, kind, layer } of this.weightNames()) {
      const stacked = kind === "weight_ih" && layer > 0;
      const shape = stacked ? [gates * hiddenSize, output * this.directions] : shapes[kind];
      this[weight] = newWeight(shape, factory);
    }
    this.resetParameters();
  }

  /** Draws all weights from U(-1/sqrt(hidden), 1/sqrt(hidden)). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const weight of this.weights()) uniform_(weight, { a: -bound, b: bound });
  }

  override extraRepr(): string {
    const { projSize, numLayers, bias, batchFirst, dropout, bidirectional } = this;
    const options = {
      proj_size: projSize === 0 ? undefined : projSize,
      num_layers: numLayers === 1 ? undefined : numLayers,
      bias: bias ? undefined : bias,
      batch_first: batchFirst ? batchFirst : undefined,
      dropout: dropout === 0 ? undefined : pythonFloat(dropout),
      bidirectional: bidirectional ? bidirectional : undefined,
    };
    return sized([this.inputSize, this.hiddenSize], options);
  }

  protected get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** Yields the names of the weights in the kernels' order. */
  protected *weightNames(): IterableIterator<{ name: WeightName; kind: WeightKind; layer: number }> {
    const kinds: WeightKind[] = ["weight_ih", "weight_hh"];
    if (this.bias) kinds.push("bias_ih", "bias_hh");
    if (this.projSize > 0) kinds.push("weight_hr");
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const suffix of this.bidirectional ? (["", "_reverse"] as const) : ([""] as const)) {
        for (const kind of kinds) yield { name: `${kind}_l${layer}${suffix}`, kind, layer };
      }
    }
  }

  protected weights(): Tensor[] {
    return Array.from(this.weightNames(), ({ name }) => this[name]!);
  }

  /** Runs `kernel` over the sequences from the states given, each of its width in `widths`, or from zeros. */
  protected run<S extends Tensor | PackedSequence>(
    kernel: Kernel,
    sequences: S,
    given: readonly Tensor[] | undefined,
    widths: readonly number[],
  ): [output: S, ...states: Tensor[]] {
    const name = this.constructor.name;
    const packed = isTensor(sequences) ? undefined : (sequences as PackedSequence);
    const input = packed?.data ?? (sequences as Tensor);
    this.checkInput(input, packed === undefined ? [2, 3] : [2]);
    const batchDim = this.batchFirst ? 0 : 1;
    const unbatched = packed === undefined && input.ndim === 2;
    const x = unbatched ? input.unsqueeze(batchDim) : input;
    const batch = packed === undefined ? x.size(batchDim) : packed.batchSizes.select(0, 0).item();

    const states = widths.map((width, i) => {
      const shape = [this.numLayers * this.directions, batch, width];
      const state = given?.[i];
      if (state === undefined) return zeros(shape, { dtype: input.dtype, device: input.device });
      const expected = unbatched ? shape.toSpliced(1, 1) : shape;
      if (state.shape.join() !== expected.join()) {
        throw new ShapeError(
          `${name}: the ${["hidden", "cell"][i]} state must be [${expected.join(", ")}] for input [${input.shape.join(", ")}], got [${state.shape.join(", ")}].`,
        );
      }
      return unbatched ? state.unsqueeze(1) : permute(state, packed?.sortedIndices);
    });

    const state = states.length === 1 ? states[0] : states;
    const options = [
      this.weights(),
      this.bias,
      this.numLayers,
      this.dropout,
      this.training,
      this.bidirectional,
    ];
    const [output, ...last] =
      packed === undefined
        ? kernel(x, state, ...options, this.batchFirst)
        : kernel(x, packed.batchSizes, state, ...options);
    if (packed !== undefined) {
      const back = last.map((state) => permute(state, packed.unsortedIndices));
      return [{ ...packed, data: output! } as S, ...back];
    }
    if (!unbatched) return [output as S, ...last];
    return [output!.squeeze(batchDim) as S, ...last.map((state) => state.squeeze(1))];
  }

  protected checkInput(input: Tensor, dims: readonly number[]): void {
    const { shape } = input;
    if (dims.includes(shape.length) && shape.at(-1) === this.inputSize) return;
    const batched = this.batchFirst ? "[batch, seq, inputSize]" : "[seq, batch, inputSize]";
    const expected = dims.length === 1 ? "packed data [steps, inputSize]" : `${batched} or [seq, inputSize]`;
    throw new ShapeError(
      `${this.constructor.name}: input must be ${expected} with inputSize=${this.inputSize}, got [${shape.join(", ")}].`,
    );
  }
}

/**
 * Computes `h = tanh(W_ih x + b_ih + W_hh h + b_hh)` step by step (Elman, 1990), or with ReLU.
 *
 * Shapes: `input [seq, batch, inputSize]`, `hx [layers * directions, batch, hiddenSize]` ->
 * `[seq, batch, directions * hiddenSize]` and the last state, shaped as `hx`; without `batch` in all for one sequence.
 *
 * @example
 * const rnn = new nn.RNN(4, 8, { numLayers: 2, nonlinearity: "relu" });
 * const [output, hidden] = rnn.forward(torch.ones([5, 3, 4]));
 * [output.shape, hidden.shape]; // => [[5, 3, 8], [2, 3, 8]]
 */
export class RNN extends RNNBase {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, given: RNNOptions = {}) {
    const names = [...sharedNames, "nonlinearity"];
    const { nonlinearity = "tanh", ...options } = checkedOptions(new.target.name, given, names);
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = checkNonlinearity("RNN", nonlinearity);
  }

  override forward<S extends Tensor | PackedSequence>(input: S, hx?: Tensor): [output: S, hidden: Tensor] {
    const kernel = (this.nonlinearity === "tanh" ? rnnTanh : rnnRelu) as Kernel;
    const [output, hidden] = this.run(kernel, input, hx && [hx], [this.hiddenSize]);
    return [output, hidden!];
  }
}

/**
 * Computes a long short-term memory step by step (Hochreiter and Schmidhuber, 1997).
 *
 * Shapes: `input [seq, batch, inputSize]`, `hx` two states `[layers * directions, batch, hiddenSize]`, hidden and
 * cell -> `[seq, batch, directions * hiddenSize]` and the last two states; without `batch` in all for one sequence.
 * With `projSize`, outputs and hidden states have that size instead of `hiddenSize`.
 *
 * @example
 * const lstm = new nn.LSTM(4, 8, { bidirectional: true, batchFirst: true });
 * const [output, [hidden, cell]] = lstm.forward(torch.ones([3, 5, 4]));
 * [output.shape, hidden.shape, cell.shape]; // => [[3, 5, 16], [2, 3, 8], [2, 3, 8]]
 */
export class LSTM extends RNNBase {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super(inputSize, hiddenSize, 4, named(new.target.name, options, [...sharedNames, "projSize"]));
  }

  override forward<S extends Tensor | PackedSequence>(
    input: S,
    hx?: readonly [hidden: Tensor, cell: Tensor],
  ): [output: S, states: [hidden: Tensor, cell: Tensor]] {
    const widths = [this.projSize > 0 ? this.projSize : this.hiddenSize, this.hiddenSize];
    const [output, hidden, cell] = this.run(lstm as Kernel, input, hx, widths);
    return [output, [hidden!, cell!]];
  }
}

/**
 * Computes a gated recurrent unit step by step (Cho et al., 2014).
 *
 * Shapes: `input [seq, batch, inputSize]`, `hx [layers * directions, batch, hiddenSize]` ->
 * `[seq, batch, directions * hiddenSize]` and the last state, shaped as `hx`; without `batch` in all for one sequence.
 *
 * @example
 * const [output] = new nn.GRU(4, 8).forward(torch.ones([5, 4]));
 * output.shape; // => [5, 8]
 */
export class GRU extends RNNBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(inputSize, hiddenSize, 3, checkedOptions(new.target.name, options, sharedNames));
  }

  override forward<S extends Tensor | PackedSequence>(input: S, hx?: Tensor): [output: S, hidden: Tensor] {
    const [output, hidden] = this.run(gru as Kernel, input, hx && [hx], [this.hiddenSize]);
    return [output, hidden!];
  }
}

/** Throws unless all sizes are positive whole numbers. */
export function checkSizes(where: string, sizes: Record<string, number>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!(Number.isInteger(size) && size > 0)) {
      throw new UsageError(`${where}: ${name} must be a positive whole number, got ${size}.`);
    }
  }
}

/** Returns the name of a nonlinearity after checking it. */
export function checkNonlinearity(where: string, name: "tanh" | "relu"): "tanh" | "relu" {
  if (name === "tanh" || name === "relu") return name;
  throw new UsageError(`${where}: nonlinearity must be "tanh" or "relu", got ${JSON.stringify(name)}.`);
}

function checkedOptions<T extends LSTMOptions>(where: string, options: T, names: readonly string[]): T {
  if (options.projSize === undefined) return named(where, options, names);
  throw new UsageError(`${where}: projSize is for LSTM alone. Leave it out, or use nn.LSTM.`);
}

function permute(state: Tensor, order: Tensor | null | undefined): Tensor {
  return order == null ? state : state.indexSelect(1, order);
}
