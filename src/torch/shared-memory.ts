// Tensors for other threads. A tensor itself belongs to its thread; its memory may be shared.
import { wrap } from "./binding.ts";
import { dtypeCode } from "./dtype.ts";
import type { Dtype } from "./dtype.ts";
import { native } from "./native.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor's elements in memory that threads share: it may be posted to a worker, which pays for no copy. */
export interface SharedTensor {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/**
 * Copies a tensor into memory that threads share, to be posted to a worker.
 *
 * @example
 * const shared = torch.shareMemory(torch.tensor([1, 2, 3]));
 * const [here, there] = [torch.fromShared(shared), torch.fromShared(shared)]; // in any thread
 * here.mul_(2);
 * there.tolist(); // => [2, 4, 6]
 */
export function shareMemory(tensor: Tensor): SharedTensor {
  const data = tensor.detach().data();
  const bytes = new Uint8Array(new SharedArrayBuffer(data.byteLength));
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { bytes, shape: tensor.shape, dtype: tensor.dtype };
}

/**
 * Makes a tensor over memory that threads share, without a copy: each sees what the others write.
 *
 * Nothing orders reads and writes of different threads: agree on turns, by messages or `Atomics`.
 */
export function fromShared({ bytes, shape, dtype }: SharedTensor): Tensor {
  return wrap(native.fromShared(bytes, shape, dtypeCode(dtype)));
}
