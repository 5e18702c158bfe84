"""Writes tests/goldens/examples/char-gpt.json: the losses of examples/char-gpt.ts, trained with PyTorch.

Run: python tools/golden/char_gpt.py   (torch 2.13.0)

The file holds the options, the text, and the loss of each step from the same seed, dropout on.
"""

import json
import math
import pathlib

import serial_dropout  # noqa: F401
import torch
from torch import nn
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
torch.set_num_threads(1)
config = {"steps": 50, "batchSize": 4, "blockSize": 32, "width": 32, "layers": 2, "heads": 2, "dropout": 0.1, "seed": 1337}
text = (ROOT / "LICENSE").read_text()


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.resid_dropout = nn.Dropout(dropout)

    def forward(self, x):
        batch, seq, width = x.shape
        q, k, v = (y.view(batch, seq, self.heads, -1).transpose(1, 2) for y in self.c_attn(x).split(width, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0, is_causal=True)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).reshape(batch, seq, width)))


class MLP(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x))))


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, dropout)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocab, block, width, layers, heads, dropout):
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.wpe = nn.Embedding(block, width)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.wte.weight = self.lm_head.weight
        self.apply(self.start)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers))

    @staticmethod
    def start(module):
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens):
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1])))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


characters = sorted(set(text))
data = torch.tensor([characters.index(character) for character in text])
torch.manual_seed(config["seed"])
block = config["blockSize"]
model = GPT(len(characters), block, config["width"], config["layers"], config["heads"], config["dropout"])
groups = [{"params": [p for p in model.parameters() if (p.dim() >= 2) == decayed], "weight_decay": decay}
          for decayed, decay in [(True, 0.1), (False, 0.0)]]
optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
losses = []
for _ in range(config["steps"]):
    places = torch.randint(len(text) - block, (config["batchSize"], 1)) + torch.arange(block)
    loss = F.cross_entropy(model(data[places]).flatten(0, 1), data[places + 1].flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())

out = ROOT / "tests" / "goldens" / "examples"
out.mkdir(parents=True, exist_ok=True)
(out / "char-gpt.json").write_text(json.dumps({"options": config, "text": text, "losses": losses}, indent=1) + "\n")
