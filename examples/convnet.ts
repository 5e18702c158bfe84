// Recognises digits with a small convolutional network, and keeps the weights in a file that PyTorch reads too.
//
//   npm run example -- convnet [--steps 200] [--batchSize 32] [--weights FILE]
import * as torch from "sconce/torch";
import { nn, optim } from "sconce/torch";
import type { Tensor } from "sconce/torch";
import { loadDigits } from "./digits.ts";

/** Convolution, batch norm, ReLU and a halving of the image. */
function block(inChannels: number, outChannels: number): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
}

class ConvNet extends nn.Module {
  readonly features = new nn.Sequential(block(1, 8), block(8, 16)); // [batch, 1, 28, 28] -> [batch, 16, 7, 7]
  readonly classifier = new nn.Linear(16 * 7 * 7, 10);

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).flatten(1));
  }
}

export const defaults = { steps: 200, batchSize: 32, weights: "" };

export function main(options: Partial<typeof defaults> = {}): { losses: number[]; accuracy: number } {
  const { steps, batchSize, weights } = { ...defaults, ...options };
  torch.manualSeed(0);
  const { train, test } = loadDigits();
  const model = new ConvNet();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
  const schedule = new optim.CosineAnnealingLR(optimizer, steps);
  const losses: number[] = [];

  for (let step = 1; step <= steps; step++) {
    using _step = torch.scope(); // frees the tensors of this step
    const batch = torch.randint(train.labels.numel, [batchSize]);
    const logits = model.forward(train.images.indexSelect(0, batch));
    const loss = nn.functional.crossEntropy(logits, train.labels.indexSelect(0, batch));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    schedule.step();
    losses.push(loss.item());
    if (step % 50 === 0) console.log(`step ${step}  loss ${losses.at(-1)!.toFixed(4)}`);
  }

  model.eval(); // batch norm with the means of training
  const accuracy = torch.scope(() =>
    torch.noGrad(() => model.forward(test.images).argmax(1).eq(test.labels).float().mean().item()),
  );
  console.log(`accuracy ${accuracy.toFixed(4)}`);
  if (weights !== "") torch.saveSafetensors(model.stateDict(), weights);
  return { losses, accuracy };
}
