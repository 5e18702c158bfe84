// `sconce/torch` beside PyTorch, in one run: small operators, wrappers, and whole training steps.
//
//   npm run bench -- torch [--rounds 3] [--threads 1]
//
// The peers run in turn, each in a process of its own, round after round; of each the best counts, since the machine
// is noisy. bench/torch_peer.py does the same work in the same order.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as torch from "../src/torch/index.ts";
import type { Tensor } from "../src/torch/index.ts";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

const { nn, optim } = torch;
const F = nn.functional;

/** Microseconds of one call, by case. */
type Measured = Record<string, number>;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "1" },
    ours: { type: "boolean", default: false },
  },
});

if (flags.ours) console.log(JSON.stringify(measure()));
else compare();

function compare(): void {
  const python = findPython();
  const runs: { ours: Measured[]; theirs: Measured[] } = { ours: [], theirs: [] };
  for (let round = 1; round <= Number(flags.rounds); round++) {
    runs.ours.push(execute(process.execPath, [fileURLToPath(import.meta.url), "--ours"]));
    runs.theirs.push(execute(python, [join(root, "bench", "torch_peer.py")]));
    console.log(`round ${round} of ${flags.rounds}`);
  }
  saveReport("torch", describe(bestOf(runs.ours), bestOf(runs.theirs)));
}

function execute(command: string, args: string[]): Measured {
  const threads = {
    OMP_NUM_THREADS: flags.threads,
    MKL_NUM_THREADS: flags.threads,
    SCONCE_NUM_THREADS: flags.threads,
  };
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...threads },
  });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${stderr.slice(-3000)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Measured;
}

/** Our side. */
function measure(): Measured {
  torch.manualSeed(0);
  const results: Measured = {};
  /** Times `run` in blocks of `count` calls and keeps the best of `blocks`; the first is a warm-up. */
  const time = (name: string, count: number, blocks: number, run: () => unknown): void => {
    let best = Infinity;
    for (let block = 0; block <= blocks; block++) {
      const start = performance.now();
      torch.scope(() => {
        for (let i = 0; i < count; i++) run();
      });
      if (block > 0) best = Math.min(best, performance.now() - start);
    }
    results[name] = (best * 1000) / count;
  };

  const a = torch.ones([4]);
  const b = torch.ones([4]);
  const leaf = torch.ones([4], { requiresGrad: true });
  time("add [4]", 5000, 20, () => a.add(b));
  time("add [4], with gradient", 5000, 20, () => leaf.add(b));
  time("add_ [4]", 5000, 20, () => a.add_(b));
  time("view", 5000, 20, () => a.view([2, 2]));
  time("select", 5000, 20, () => a.select(0, 1));
  time("ones [4], made and freed", 5000, 20, () => torch.ones([4]).dispose());
  time("item", 5000, 20, () => b.select(0, 1).item());
  const [large, larger] = [torch.randn([256, 256]), torch.randn([256, 256])];
  time("matmul [256, 256]", 50, 20, () => large.matmul(larger).dispose());

  const x = torch.randn([64, 784]);
  const y = torch.randint(0, 10, [64]);
  const mlp = new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
  time(
    "MLP step, f32",
    10,
    8,
    trainer(mlp.parameters(), () => F.crossEntropy(mlp.forward(x), y)),
  );

  for (const bf16 of [false, true]) {
    const precision = bf16 ? "bf16 autocast" : "f32";
    const gpt = makeGpt();
    time(
      `GPT step, ${precision}`,
      2,
      5,
      trainer(gpt.parameters, () => withPrecision(bf16, gpt.loss)),
    );
    const cnn = makeCnn();
    time(
      `CNN step, ${precision}`,
      2,
      5,
      trainer(cnn.parameters, () => withPrecision(bf16, cnn.loss)),
    );
  }
  return results;
}

function trainer(parameters: Iterable<Tensor>, loss: () => Tensor): () => void {
  const optimizer = new optim.AdamW([...parameters], { lr: 1e-3 });
  return () =>
    torch.scope(() => {
      optimizer.zeroGrad();
      loss().backward();
      optimizer.step();
    });
}

function withPrecision(bf16: boolean, run: () => Tensor): Tensor {
  return bf16 ? torch.autocast({ dtype: "bfloat16" }, run) : run();
}

/** A small GPT of nanoGPT's shape: 4 layers of 4 heads, 128 wide, batch 8 of 64 characters. */
function makeGpt(): { parameters: Tensor[]; loss: () => Tensor } {
  const [layers, heads, width, seq, batch, vocab] = [4, 4, 128, 64, 8, 65];
  const parameters: Tensor[] = [];
  const weight = (...shape: number[]): Tensor => {
    const made = torch.randn(shape).mul(0.02).requiresGrad_();
    parameters.push(made);
    return made;
  };
  const [tokens, positions] = [weight(vocab, width), weight(seq, width)];
  const blocks = Array.from({ length: layers }, () => ({
    norm1: [weight(width), weight(width)] as const,
    qkv: [weight(3 * width, width), weight(3 * width)] as const,
    out: [weight(width, width), weight(width)] as const,
    norm2: [weight(width), weight(width)] as const,
    up: [weight(4 * width, width), weight(4 * width)] as const,
    down: [weight(width, 4 * width), weight(width)] as const,
  }));
  const norm = [weight(width), weight(width)] as const;
  const ids = torch.randint(0, vocab, [batch, seq]);
  const targets = torch.randint(0, vocab, [batch * seq]);
  const normalize = (x: Tensor, [scale, bias]: readonly [Tensor, Tensor]): Tensor =>
    torch.layerNorm(x, [width], scale, bias);
  const loss = (): Tensor => {
    let x = F.embedding(ids, tokens).add(positions);
    for (const block of blocks) {
      const [q, k, v] = F.linear(normalize(x, block.norm1), ...block.qkv)
        .view([batch, seq, 3, heads, width / heads])
        .permute([2, 0, 3, 1, 4])
        .unbind(0) as [Tensor, Tensor, Tensor];
      const attended = F.scaledDotProductAttention(q, k, v, { isCausal: true });
      x = x.add(F.linear(attended.transpose(1, 2).reshape([batch, seq, width]), ...block.out));
      x = x.add(F.linear(F.gelu(F.linear(normalize(x, block.norm2), ...block.up)), ...block.down));
    }
    const logits = F.linear(normalize(x, norm), tokens);
    return F.crossEntropy(logits.view([batch * seq, vocab]), targets);
  };
  return { parameters, loss };
}

/** Two convolutions and a classifier, on 32 images of 32 x 32. */
function makeCnn(): { parameters: Tensor[]; loss: () => Tensor } {
  const parameters = [[32, 3, 3, 3], [32], [64, 32, 3, 3], [64], [10, 64 * 64], [10]].map((shape) =>
    torch.randn(shape).mul(0.05).requiresGrad_(),
  );
  const [w1, b1, w2, b2, w3, b3] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const images = torch.randn([32, 3, 32, 32]);
  const labels = torch.randint(0, 10, [32]);
  const loss = (): Tensor => {
    let x = torch.conv2d(images, w1, { bias: b1, padding: 1 }).relu();
    x = torch.maxPool2d(x, [2, 2]);
    x = torch.conv2d(x, w2, { bias: b2, padding: 1 }).relu();
    x = torch.maxPool2d(x, [2, 2]);
    return F.crossEntropy(F.linear(x.flatten(1), w3, b3), labels);
  };
  return { parameters, loss };
}

function bestOf(runs: readonly Measured[]): Measured {
  return Object.fromEntries(
    Object.keys(runs[0]!).map((name) => [name, Math.min(...runs.map((run) => run[name]!))]),
  );
}

function describe(ours: Measured, theirs: Measured): string {
  const rows = Object.keys(ours).map((name) => {
    const [us, them] = [ours[name]!, theirs[name]!];
    return `| ${name} | ${us.toFixed(2)} | ${them.toFixed(2)} | ${(us / them).toFixed(2)} |`;
  });
  return `# sconce/torch beside PyTorch

${describeMachine()}, libtorch ${torch.version} on both sides, ${flags.threads} thread(s).
The best of ${flags.rounds} rounds in turn, in microseconds; a ratio below 1 means that ours is faster.

    npm run bench -- torch --rounds ${flags.rounds} --threads ${flags.threads}

| | ours, us | PyTorch, us | ours / theirs |
|---|---|---|---|
${rows.join("\n")}

Each side uses its defaults: AdamW is fused in ours; PyTorch's default on processors is one tensor after another.
`;
}
