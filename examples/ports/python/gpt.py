import io
import math

import data
import torch
import torch.nn.functional as F
from torch import nn, optim

CONFIG = {'vocabulary': 20, 'block': 16, 'layers': 2, 'heads': 2, 'width': 32, 'dropout': 0.1}


class Attention(nn.Module):
    def __init__(self, heads, width, dropout):
        super().__init__()
        self.heads, self.width, self.p = heads, width, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        batch, time, _ = x.shape
        parts = self.qkv(x).split(self.width, 2)
        q, k, v = (p.view(batch, time, self.heads, self.width // self.heads).transpose(1, 2) for p in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.p if self.training else 0, is_causal=True)
        return self.dropout(self.project(mixed.transpose(1, 2).reshape(batch, time, self.width)))


class Block(nn.Module):
    def __init__(self, heads, width, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(heads, width, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False), nn.Dropout(dropout)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, block, layers, heads, width, dropout):
        super().__init__()
        self.block = block
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(heads, width, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.tokens.weight = self.head.weight
        self.apply(self.initialise)
        for name, p in self.named_parameters():
            if name.endswith('project.weight'):
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers))

    def initialise(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens):
        x = self.dropout(self.tokens(tokens) + self.positions(torch.arange(tokens.size(1))))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    @torch.no_grad()
    def generate(self, tokens, count, top_k):
        for _ in range(count):
            logits = self(tokens[:, -self.block :])[:, -1]
            least = logits.topk(top_k).values[:, -1:]
            kept = logits.masked_fill(logits < least, -math.inf)
            tokens = torch.cat([tokens, torch.multinomial(F.softmax(kept, -1), 1)], 1)
        return tokens


def optimizer_of(model):
    groups = [
        {'params': [p for p in model.parameters() if p.ndim >= 2], 'weight_decay': 0.1},
        {'params': [p for p in model.parameters() if p.ndim < 2], 'weight_decay': 0},
    ]
    return optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))


def rate_at(step, warmup=4, end=20):
    if step < warmup:
        return 1e-2 * (step + 1) / (warmup + 1)
    done = (step - warmup) / (end - warmup)
    return 1e-3 + 0.5 * (1 + math.cos(math.pi * min(1, done))) * (1e-2 - 1e-3)


def train(steps):
    text, block = data.words(1000, CONFIG['vocabulary']), CONFIG['block']
    torch.manual_seed(0)
    model = GPT(**CONFIG)
    optimizer = optimizer_of(model)
    losses = []
    for step in range(steps):
        if step == steps >> 1:
            file = io.BytesIO()
            torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'rng': torch.get_rng_state()}, file)
            file.seek(0)
            saved = torch.load(file)
            model = GPT(**CONFIG)
            optimizer = optimizer_of(model)
            model.load_state_dict(saved['model'])
            optimizer.load_state_dict(saved['optimizer'])
            torch.set_rng_state(saved['rng'])
        for group in optimizer.param_groups:
            group['lr'] = rate_at(step)
        total = 0.0
        for _ in range(2):
            starts = torch.randint(0, len(text) - block, (4,))
            x = torch.stack([text[i : i + block] for i in starts])
            y = torch.stack([text[i + 1 : i + 1 + block] for i in starts])
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten()) / 2
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(total)
    model.eval()
    made = model.generate(text[:4].unsqueeze(0), 12, 5)
    return losses + made.flatten().tolist()
