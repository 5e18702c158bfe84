// Sequences of unequal length for the recurrent layers: padded, or packed without padding.
import { ShapeError, UsageError } from "../../../base/index.ts";
import { arange, emptyLike, nnFunctional, sort } from "../../ops.generated.ts";
import { tensor } from "../../factories.ts";
import { ops } from "../../raw.ts";
import { Tensor } from "../../tensor.ts";

/**
 * Holds sequences of unequal length step by step, so that a recurrent layer computes no padding.
 *
 * A plain object: scopes keep and free the tensors in it. Made by `packPaddedSequence` and `packSequence`.
 */
export interface PackedSequence {
  /** Elements of step 0 of all sequences, then of step 1, ..., `[sum of lengths, ...]`. */
  readonly data: Tensor;
  /** How many sequences reach each step, `[longest]` of int64 on the CPU. */
  readonly batchSizes: Tensor;
  /** Places of the sorted sequences in the original order; null where they were sorted already. */
  readonly sortedIndices: Tensor | null;
  /** Places of the original sequences in the sorted order. */
  readonly unsortedIndices: Tensor | null;
}

/** Options of `packSequence`. */
export interface PackOptions {
  /** Whether the longest sequence must come first; otherwise they are sorted here, and back later. @default true */
  enforceSorted?: boolean;
}

/** Options of `packPaddedSequence`. */
export interface PackPaddedOptions extends PackOptions {
  /** Whether `input` is `[batch, seq, ...]` instead of `[seq, batch, ...]`. @default false */
  batchFirst?: boolean;
}

/**
 * Packs padded sequences.
 *
 * Shapes: `input [seq, batch, ...]` (`[batch, seq, ...]` with `batchFirst`), `lengths [batch]`.
 *
 * @example
 * const padded = torch.tensor([[1, 4, 6], [2, 5, 0], [3, 0, 0]]);
 * const packed = nn.utils.rnn.packPaddedSequence(padded, [3, 2, 1]);
 * packed.batchSizes.tolist(); // => [3, 2, 1]
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Tensor | readonly number[],
  { batchFirst = false, enforceSorted = true }: PackPaddedOptions = {},
): PackedSequence {
  const given = lengths instanceof Tensor ? (lengths.tolist() as number[]) : [...lengths];
  checkLengths("packPaddedSequence", input, given, batchFirst);
  const counts = tensor(given, { dtype: "int64" });
  if (enforceSorted) {
    const unsorted = given.findIndex((length, i) => i > 0 && length > given[i - 1]!);
    if (unsorted > 0) {
      throw new UsageError(
        `packPaddedSequence: with enforceSorted the lengths must not grow, got ${given[unsorted - 1]} before ${given[unsorted]} at index ${unsorted}. Sort the batch, or give enforceSorted: false.`,
      );
    }
    return pack(input, counts, batchFirst, null);
  }
  const [sorted, order] = sort(counts, { descending: true });
  const sortedIndices = order.to({ device: input.device });
  return pack(input.indexSelect(batchFirst ? 0 : 1, sortedIndices), sorted, batchFirst, sortedIndices);
}

/** Options of `padPackedSequence`. */
export interface PadPackedOptions {
  /** Whether to give `[batch, seq, ...]` instead of `[seq, batch, ...]`. @default false */
  batchFirst?: boolean;
  /** @default 0 */
  paddingValue?: number;
  /** Pads to this length instead of the longest sequence's. */
  totalLength?: number;
}

/** Unpacks into padded sequences and their lengths, in the order in which they were packed. */
export function padPackedSequence(
  { data, batchSizes, unsortedIndices }: PackedSequence,
  { batchFirst = false, paddingValue = 0, totalLength }: PadPackedOptions = {},
): [padded: Tensor, lengths: Tensor] {
  const longest = batchSizes.size(0);
  if (totalLength !== undefined && totalLength < longest) {
    throw new UsageError(
      `padPackedSequence: totalLength must be at least the length of the longest sequence, ${longest}, got ${totalLength}.`,
    );
  }
  const [padded, lengths] = ops["aten"]._pad_packed_sequence(
    data,
    batchSizes,
    batchFirst,
    paddingValue,
    totalLength ?? longest,
  ) as [Tensor, Tensor];
  if (unsortedIndices === null) return [padded, lengths];
  return [
    padded.indexSelect(batchFirst ? 0 : 1, unsortedIndices),
    lengths.indexSelect(0, unsortedIndices.cpu()),
  ];
}

/** Packs sequences `[length, ...]`. */
export function packSequence(
  sequences: readonly Tensor[],
  { enforceSorted = true }: PackOptions = {},
): PackedSequence {
  const lengths = sequences.map((sequence) => sequence.size(0));
  return packPaddedSequence(padSequence(sequences), lengths, { enforceSorted });
}

/** Unpacks into sequences `[length, ...]`, in the order in which they were packed. */
export function unpackSequence(packed: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(packed, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}

/** Options of `padSequence`. */
export interface PadOptions {
  /** Whether to give `[batch, seq, ...]` instead of `[seq, batch, ...]`. @default false */
  batchFirst?: boolean;
  /** @default 0 */
  paddingValue?: number;
  /** @default "right" */
  paddingSide?: "left" | "right";
}

/**
 * Stacks sequences `[length, ...]`, padded to the longest.
 *
 * @example
 * nn.utils.rnn.padSequence([torch.ones([1]), torch.ones([3])], { batchFirst: true }).tolist(); // => [[1, 0, 0], [1, 1, 1]]
 */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0, paddingSide = "right" }: PadOptions = {},
): Tensor {
  return nnFunctional.padSequence(sequences, { batchFirst, paddingValue, paddingSide });
}

/** Cuts padded sequences into `[length, ...]` each: views of `padded`. */
export function unpadSequence(
  padded: Tensor,
  lengths: Tensor | readonly number[],
  { batchFirst = false }: { batchFirst?: boolean } = {},
): Tensor[] {
  const given = lengths instanceof Tensor ? (lengths.tolist() as number[]) : lengths;
  checkLengths("unpadSequence", padded, given, batchFirst);
  return given.map((length, i) => padded.select(batchFirst ? 0 : 1, i).narrow(0, 0, length));
}

/** Returns the permutation that undoes `permutation`. */
export function invertPermutation(permutation: Tensor): Tensor {
  const places = arange(permutation.numel, { dtype: "int64", device: permutation.device });
  return emptyLike(permutation).scatter_(0, permutation, places);
}

function pack(
  input: Tensor,
  lengths: Tensor,
  batchFirst: boolean,
  sortedIndices: Tensor | null,
): PackedSequence {
  const [data, batchSizes] = ops["aten"]._pack_padded_sequence(input, lengths, batchFirst) as [
    Tensor,
    Tensor,
  ];
  const unsortedIndices = sortedIndices === null ? null : invertPermutation(sortedIndices);
  return { data, batchSizes, sortedIndices, unsortedIndices };
}

function checkLengths(where: string, input: Tensor, lengths: readonly number[], batchFirst: boolean): void {
  const { shape } = input;
  const [batch, longest] = batchFirst ? shape : [shape[1], shape[0]];
  if (batch === undefined || longest === undefined) {
    throw new ShapeError(
      `${where}: needs ${batchFirst ? "[batch, seq, ...]" : "[seq, batch, ...]"}, got shape [${shape.join(", ")}].`,
    );
  }
  if (lengths.length !== batch) {
    throw new ShapeError(
      `${where}: needs a length for each of the ${batch} sequences, got ${lengths.length} lengths for shape [${shape.join(", ")}] with batchFirst=${batchFirst}.`,
    );
  }
  const wrong = lengths.find((length) => !(Number.isInteger(length) && length > 0 && length <= longest));
  if (wrong !== undefined) {
    throw new ShapeError(`${where}: a length must be a whole number in [1, ${longest}], got ${wrong}.`);
  }
}
