// Recognises digits with two linear layers and a training loop written by hand.
//
//   npm run example -- mnist [--epochs 5] [--batchSize 64]
import * as torch from "sconce/torch";
import { nn, optim } from "sconce/torch";
import type { Tensor } from "sconce/torch";
import { loadDigits } from "./digits.ts";

class Net extends nn.Module {
  readonly fc1 = new nn.Linear(28 * 28, 128);
  readonly dropout = new nn.Dropout(0.2);
  readonly fc2 = new nn.Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const hidden = torch.relu(this.fc1.forward(x.flatten(1)));
    return this.fc2.forward(this.dropout.forward(hidden));
  }
}

export const defaults = { epochs: 5, batchSize: 64 };

export function main(options: Partial<typeof defaults> = {}): { losses: number[]; accuracy: number } {
  const { epochs, batchSize } = { ...defaults, ...options };
  torch.manualSeed(0);
  const { train, test } = loadDigits();
  const model = new Net();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  const losses: number[] = [];
  let accuracy = 0;

  for (let epoch = 1; epoch <= epochs; epoch++) {
    using _epoch = torch.scope(); // frees the tensors made below at the end of the block
    model.train();
    for (const batch of torch.randperm(train.labels.numel).split(batchSize)) {
      using _step = torch.scope();
      const logits = model.forward(train.images.indexSelect(0, batch));
      const loss = nn.functional.crossEntropy(logits, train.labels.indexSelect(0, batch));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(loss.item());
    }

    model.eval();
    const predicted = torch.noGrad(() => model.forward(test.images)).argmax(1);
    accuracy = predicted.eq(test.labels).float().mean().item();
    console.log(`epoch ${epoch}  loss ${losses.at(-1)!.toFixed(4)}  accuracy ${accuracy.toFixed(4)}`);
  }
  return { losses, accuracy };
}
