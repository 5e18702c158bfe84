// A GPT over characters in the shape of nanoGPT (github.com/karpathy/nanoGPT, model.py): trains on a text and writes on.
//
//   npm run example -- char-gpt [--steps 500] [--text FILE] [--width 64] [--layers 4] [--heads 4] [--dropout 0.1]
import { readFileSync } from "node:fs";
import * as torch from "sconce/torch";
import { nn, optim } from "sconce/torch";
import type { Tensor } from "sconce/torch";

interface Config {
  vocabSize: number;
  blockSize: number;
  width: number;
  layers: number;
  heads: number;
  dropout: number;
}

class CausalSelfAttention extends nn.Module {
  readonly c_attn: nn.Linear;
  readonly c_proj: nn.Linear;
  readonly resid_dropout: nn.Dropout;
  readonly config: Config;

  constructor(config: Config) {
    super();
    this.config = config;
    this.c_attn = new nn.Linear(config.width, 3 * config.width);
    this.c_proj = new nn.Linear(config.width, config.width);
    this.resid_dropout = new nn.Dropout(config.dropout);
  }

  override forward(x: Tensor): Tensor {
    const { heads, width, dropout } = this.config;
    const [q, k, v] = this.c_attn
      .forward(x)
      .unflatten(2, [3, heads, width / heads]) // [batch, seq, 3, heads, head]
      .permute([2, 0, 3, 1, 4])
      .unbind(0) as [Tensor, Tensor, Tensor]; // [batch, heads, seq, head]
    const dropoutP = this.training ? dropout : 0;
    const y = nn.functional.scaledDotProductAttention(q, k, v, { dropoutP, isCausal: true });
    return this.resid_dropout.forward(this.c_proj.forward(y.transpose(1, 2).flatten(2)));
  }
}

class MLP extends nn.Module {
  readonly c_fc: nn.Linear;
  readonly c_proj: nn.Linear;
  readonly dropout: nn.Dropout;

  constructor({ width, dropout }: Config) {
    super();
    this.c_fc = new nn.Linear(width, 4 * width);
    this.c_proj = new nn.Linear(4 * width, width);
    this.dropout = new nn.Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(nn.functional.gelu(this.c_fc.forward(x))));
  }
}

class Block extends nn.Module {
  readonly ln_1: nn.LayerNorm;
  readonly attn: CausalSelfAttention;
  readonly ln_2: nn.LayerNorm;
  readonly mlp: MLP;

  constructor(config: Config) {
    super();
    this.ln_1 = new nn.LayerNorm(config.width);
    this.attn = new CausalSelfAttention(config);
    this.ln_2 = new nn.LayerNorm(config.width);
    this.mlp = new MLP(config);
  }

  override forward(input: Tensor): Tensor {
    const x = input.add(this.attn.forward(this.ln_1.forward(input)));
    return x.add(this.mlp.forward(this.ln_2.forward(x)));
  }
}

class GPT extends nn.Module {
  readonly config: Config;
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly drop: nn.Dropout;
  readonly h: nn.ModuleList<Block>;
  readonly ln_f: nn.LayerNorm;
  readonly lm_head: nn.Linear;

  constructor(config: Config) {
    super();
    this.config = config;
    this.wte = new nn.Embedding(config.vocabSize, config.width);
    this.wpe = new nn.Embedding(config.blockSize, config.width);
    this.drop = new nn.Dropout(config.dropout);
    this.h = new nn.ModuleList(Array.from({ length: config.layers }, () => new Block(config)));
    this.ln_f = new nn.LayerNorm(config.width);
    this.lm_head = new nn.Linear(config.width, config.vocabSize, { bias: false });
    this.wte.weight = this.lm_head.weight; // tied

    // first values as in GPT-2; projections onto the residual stream are smaller the more of them there are
    this.apply((module) => {
      if (module instanceof nn.Linear && module.bias !== null) nn.init.zeros_(module.bias);
      if (module instanceof nn.Linear || module instanceof nn.Embedding)
        nn.init.normal_(module.weight, { std: 0.02 });
    });
    for (const [name, weight] of this.namedParameters()) {
      if (name.endsWith("c_proj.weight"))
        nn.init.normal_(weight, { std: 0.02 / Math.sqrt(2 * config.layers) });
    }
  }

  /** `tokens [batch, seq]` -> `[batch, seq, vocab]`. */
  override forward(tokens: Tensor): Tensor {
    const positions = torch.arange(tokens.size(1));
    let x = this.drop.forward(this.wte.forward(tokens).add(this.wpe.forward(positions)));
    for (const block of this.h) x = block.forward(x);
    return this.lm_head.forward(this.ln_f.forward(x));
  }

  /** Appends `count` tokens to `tokens [batch, seq]`, each drawn from what the model thinks comes next. */
  generate(tokens: Tensor, count: number, { temperature = 0.8 } = {}): Tensor {
    return torch.noGrad(() => {
      let all = tokens;
      for (let i = 0; i < count; i++) {
        all = torch.scope(() => {
          const start = Math.max(0, all.size(1) - this.config.blockSize);
          const logits = this.forward(all.narrow(1, start, all.size(1) - start)).select(1, -1);
          const next = torch.multinomial(logits.div(temperature).softmax(-1), 1);
          return torch.cat([all, next], 1);
        });
      }
      return all;
    });
  }
}

export const defaults = {
  steps: 500,
  batchSize: 16,
  blockSize: 64,
  width: 64,
  layers: 4,
  heads: 4,
  dropout: 0.1,
  seed: 1337,
  /** File to learn from. */
  text: "LICENSE",
};

export function main(options: Partial<typeof defaults> = {}): { losses: number[]; sample: string } {
  const { steps, batchSize, seed, text: file, ...sizes } = { ...defaults, ...options };
  const text = readFileSync(file, "utf8");
  const characters = [...new Set(text)].sort();
  const data = torch.tensor(
    Array.from(text, (character) => characters.indexOf(character)),
    { dtype: "int64" },
  );

  torch.manualSeed(seed);
  const model = new GPT({ vocabSize: characters.length, ...sizes });
  const [matrices, vectors] = [true, false].map((decayed) =>
    model.parameters().filter((weight) => weight.ndim >= 2 === decayed),
  ) as [nn.Parameter[], nn.Parameter[]];
  const optimizer = new optim.AdamW(
    [
      { params: matrices, weightDecay: 0.1 },
      { params: vectors, weightDecay: 0 },
    ],
    { lr: 1e-3, betas: [0.9, 0.95] }, // prettier-ignore
  );

  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    using _step = torch.scope(); // frees the tensors of this step
    const starts = torch.randint(text.length - sizes.blockSize, [batchSize, 1]);
    const places = starts.add(torch.arange(sizes.blockSize)); // [batch, seq]
    const logits = model.forward(data.take(places));
    const loss = nn.functional.crossEntropy(logits.flatten(0, 1), data.take(places.add(1)).flatten());
    optimizer.zeroGrad();
    loss.backward();
    optim.clipGradNorm_(model.parameters(), 1);
    optimizer.step();
    losses.push(loss.item());
    if (step % 50 === 0) console.log(`step ${step}  loss ${losses.at(-1)!.toFixed(4)}`);
  }

  model.eval();
  const written = model.generate(data.narrow(0, 0, 1).unsqueeze(0), 300).select(0, 0);
  const sample = (written.tolist() as number[]).map((id) => characters[id]).join("");
  console.log(`\n${sample}`);
  return { losses, sample };
}
