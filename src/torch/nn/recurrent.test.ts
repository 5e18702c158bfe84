// Recurrent layers and packed sequences against PyTorch. tools/golden/nn_layers.py writes the numbers.
import { describe, expect, test } from "vitest";
import { testLayers } from "../../../tests/golden-layers.ts";
import { manualSeed, memoryStats, nn, ones, randn, scope, tensor } from "../index.ts";
import type { Tensor } from "../index.ts";
import { logger } from "../../base/index.ts";
import type { PackPaddedOptions, PackedSequence } from "./utils/rnn.ts";

const { packPaddedSequence, packSequence, padPackedSequence, padSequence, unpackSequence, unpadSequence } =
  nn.utils.rnn;

type Recurrent = nn.RNN | nn.LSTM | nn.GRU;

const twoStates = (layer: nn.LSTM | nn.LSTMCell, x: Tensor, h: Tensor, c: Tensor) => layer.forward(x, [h, c]);

function packed(lengths: number[], options: PackPaddedOptions = {}) {
  return (layer: Recurrent, x: Tensor, ...states: Tensor[]) => {
    const { batchFirst } = layer;
    const sequences = packPaddedSequence(x, lengths, { batchFirst, ...options });
    const run = layer.forward.bind(layer) as (x: PackedSequence, hx?: unknown) => [PackedSequence, unknown];
    const [output, last] = run(sequences, states.length > 1 ? states : states[0]);
    return [...padPackedSequence(output, { batchFirst, paddingValue: -1 }), last];
  };
}

testLayers("recurrent", {
  rnn: { make: () => new nn.RNN(3, 4) },
  rnn_relu: { make: () => new nn.RNN(3, 4, { numLayers: 2, nonlinearity: "relu", bias: false }) },
  rnn_unbatched: { make: () => new nn.RNN(3, 4, { bidirectional: true }) },
  lstm: { make: () => new nn.LSTM(3, 4) },
  lstm_deep: { make: () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true }) },
  lstm_dropout: { make: () => new nn.LSTM(3, 4, { numLayers: 3, dropout: 0.4 }) },
  lstm_projected: {
    make: () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2, batchFirst: true }),
    call: twoStates,
  },
  lstm_unbatched: { make: () => new nn.LSTM(3, 4, { bias: false, batchFirst: true }), call: twoStates },
  gru: { make: () => new nn.GRU(3, 4, { batchFirst: true }) },
  gru_dropout: { make: () => new nn.GRU(3, 4, { numLayers: 2, dropout: 0.4, bidirectional: true }) },
  packed_lstm: {
    make: () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true }),
    call: packed([4, 2, 1]),
  },
  packed_lstm_states: { make: () => new nn.LSTM(3, 4), call: packed([1, 4, 2], { enforceSorted: false }) },
  packed_gru: {
    make: () => new nn.GRU(3, 4, { batchFirst: true }),
    call: packed([2, 4, 3], { enforceSorted: false }),
  },
  packed_rnn_dropout: {
    make: () => new nn.RNN(3, 4, { numLayers: 2, dropout: 0.4 }),
    call: packed([4, 4, 3]),
  },
  rnn_cell: { make: () => new nn.RNNCell(3, 4) },
  rnn_cell_relu: { make: () => new nn.RNNCell(3, 4, { bias: false, nonlinearity: "relu" }) },
  lstm_cell: { make: () => new nn.LSTMCell(3, 4), call: twoStates },
  lstm_cell_unbatched: { make: () => new nn.LSTMCell(3, 4, { bias: false }) },
  gru_cell: { make: () => new nn.GRUCell(3, 4) },
  gru_cell_unbatched: { make: () => new nn.GRUCell(3, 4) },
});

test("a cell stepped by hand gives what the layer with its weights gives", () => {
  const layer = new nn.GRU(3, 4);
  const cell = new nn.GRUCell(3, 4);
  cell.loadStateDict(new Map([...layer.stateDict()].map(([key, value]) => [key.replace("_l0", ""), value])));
  const x = randn([5, 2, 3]);
  let hidden: Tensor | undefined;
  for (const step of x.unbind(0)) hidden = cell.forward(step, hidden);
  expect(hidden!).toBeAllclose(layer.forward(x)[1].select(0, 0), { atol: 1e-6 });
});

test("dropout between the layers is off in eval", () => {
  manualSeed(1);
  const layer = new nn.LSTM(3, 4, { numLayers: 2, dropout: 0.5 });
  const x = ones([3, 2, 3]);
  const run = () => layer.forward(x)[0].tolist();
  expect(run()).not.toEqual(run());
  layer.eval();
  expect(run()).toEqual(run());
});

test("a scope keeps packed outputs and frees the rest", () => {
  const layer = new nn.LSTM(3, 4);
  const input = packPaddedSequence(ones([4, 2, 3]), [4, 2]);
  const before = memoryStats().liveTensors;
  const [output] = scope(() => layer.forward(input));
  expect(padPackedSequence(output)[0].shape).toEqual([4, 2, 4]);
  expect(memoryStats().liveTensors - before).toBe(5); // data, two states, and what padPackedSequence gave
});

describe("packed sequences", () => {
  const sequences = [tensor([1, 2]), tensor([3, 4, 5]), tensor([6])];
  const lists = sequences.map((sequence) => sequence.tolist());

  test("pad, unpad, pack and unpack give the sequences back in their order", () => {
    expect(padSequence(sequences).shape).toEqual([3, 3]);
    const padded = padSequence(sequences, { batchFirst: true, paddingValue: -1, paddingSide: "left" });
    expect(padded.tolist()).toEqual([[-1, 1, 2], [3, 4, 5], [-1, -1, 6]]); // prettier-ignore
    expect(unpadSequence(padSequence(sequences), tensor([2n, 3n, 1n])).map((x) => x.tolist())).toEqual(lists);
    const packed = packSequence(sequences, { enforceSorted: false });
    expect(packed.data.tolist()).toEqual([3, 1, 6, 4, 2, 5]);
    expect(packed.batchSizes.tolist()).toEqual([3, 2, 1]);
    expect(packed.sortedIndices?.tolist()).toEqual([1, 0, 2]);
    expect(unpackSequence(packed).map((x) => x.tolist())).toEqual(lists);
  });

  test("totalLength pads further", () => {
    const packed = packSequence([sequences[1]!, sequences[0]!]);
    expect(packed.sortedIndices).toBeNull();
    const [padded, lengths] = padPackedSequence(packed, { batchFirst: true, totalLength: 4 });
    expect(padded.tolist()).toEqual([[3, 4, 5, 0], [1, 2, 0, 0]]); // prettier-ignore
    expect(lengths.tolist()).toEqual([3, 2]);
    expect(() => padPackedSequence(packed, { totalLength: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: padPackedSequence: totalLength must be at least the length of the longest sequence, 3, got 2.]`,
    );
  });

  test("lengths that do not fit are refused", () => {
    expect(() => packSequence(sequences)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: packPaddedSequence: with enforceSorted the lengths must not grow, got 2 before 3 at index 1. Sort the batch, or give enforceSorted: false.]`,
    );
    expect(() => packPaddedSequence(ones([4, 2, 3]), [4, 0])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: packPaddedSequence: a length must be a whole number in [1, 4], got 0.]`,
    );
    expect(() => packPaddedSequence(ones([4, 2, 3]), [5, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: packPaddedSequence: a length must be a whole number in [1, 4], got 5.]`,
    );
    expect(() => packPaddedSequence(ones([4, 2, 3]), [4, 2, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: packPaddedSequence: needs a length for each of the 2 sequences, got 3 lengths for shape [4, 2, 3] with batchFirst=false.]`,
    );
    expect(() => packPaddedSequence(ones([4]), [4])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: packPaddedSequence: needs [seq, batch, ...], got shape [4].]`,
    );
    expect(() => unpadSequence(ones([4, 2]), [1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: unpadSequence: needs a length for each of the 2 sequences, got 1 lengths for shape [4, 2] with batchFirst=false.]`,
    );
  });
});

describe("mistakes", () => {
  test("inputs and states of other shapes are refused", () => {
    const layer = new nn.LSTM(3, 4, { numLayers: 2 });
    const x = ones([5, 2, 3]);
    const states = (...shape: number[]) => [ones(shape), ones(shape)] as const;
    expect(() => layer.forward(ones([5, 2, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: input must be [seq, batch, inputSize] or [seq, inputSize] with inputSize=3, got [5, 2, 4].]`,
    );
    expect(() => layer.forward(ones([3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: input must be [seq, batch, inputSize] or [seq, inputSize] with inputSize=3, got [3].]`,
    );
    expect(() => layer.forward(x, states(1, 2, 4))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: the hidden state must be [2, 2, 4] for input [5, 2, 3], got [1, 2, 4].]`,
    );
    expect(() => layer.forward(x, [ones([2, 2, 4]), ones([2, 2, 3])])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: the cell state must be [2, 2, 4] for input [5, 2, 3], got [2, 2, 3].]`,
    );
    expect(() => layer.forward(ones([5, 3]), states(2, 2, 4))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: the hidden state must be [2, 4] for input [5, 3], got [2, 2, 4].]`,
    );
    expect(() =>
      layer.forward(packPaddedSequence(ones([5, 2, 4]), [5, 1])),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTM: input must be packed data [steps, inputSize] with inputSize=3, got [6, 4].]`,
    );
    const cell = new nn.LSTMCell(3, 4);
    expect(() => cell.forward(ones([2, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTMCell: input must be [batch, inputSize] or [inputSize] with inputSize=3, got [2, 4].]`,
    );
    expect(() => cell.forward(ones([2, 3]), states(4))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: LSTMCell: the hidden state must be [2, 4] for input [2, 3], got [4].]`,
    );
  });

  test("dropout that one layer cannot use is warned of", () => {
    const logged: string[] = [];
    const remove = logger.addSink((level, message) => logged.push(`${level}: ${message}`));
    new nn.GRU(3, 4, { dropout: 0.5 });
    remove();
    expect(logged).toMatchInlineSnapshot(`
      [
        "warn: GRU: dropout=0.5 has no effect with one layer: the last layer's output is not dropped. Give numLayers above 1, or no dropout.",
      ]
    `);
  });

  test("sizes and options that make no sense are refused", () => {
    expect(() => new nn.LSTM(3, 0)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: LSTM: hiddenSize must be a positive whole number, got 0.]`,
    );
    expect(() => new nn.GRU(3, 4, { numLayers: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: GRU: numLayers must be a positive whole number, got 1.5.]`,
    );
    expect(() => new nn.LSTM(3, 4, { projSize: 4 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: LSTM: projSize must be a whole number from 0 to below hiddenSize=4, got 4.]`,
    );
    expect(() => new nn.LSTM(3, 4, { dropout: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: LSTM: dropout must be a probability in [0, 1], got 2.]`,
    );
    expect(() => new nn.GRU(3, 4, { projSize: 2 } as object)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: GRU: projSize is for LSTM alone. Leave it out, or use nn.LSTM.]`,
    );
    expect(() => new nn.RNN(3, 4, { nonlinearity: "gelu" as "relu" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: RNN: nonlinearity must be "tanh" or "relu", got "gelu".]`,
    );
    expect(() => new nn.GRUCell(-1, 4)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: GRUCell: inputSize must be a positive whole number, got -1.]`,
    );
  });
});
