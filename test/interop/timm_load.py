# A DeiT as a plain PyTorch module with timm's names: loads an exported .pth file or timm folder with strict=True and
# writes its logits. python3 timm_load.py (MODEL SIZES.json IMAGE.f32 COUNT LOGITS.f32)…
#
# MODEL: a .pth file, or a folder with config.json and model.safetensors. SIZES.json: img_size, patch_size, embed_dim,
# depth, num_heads, mlp_dim, num_classes, distilled. IMAGE.f32: [COUNT, 3, size, size], normalized.

import json
import os
import sys

import numpy as np
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        weights = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, hidden)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Deit(nn.Module):
    def __init__(self, img_size, patch_size, embed_dim, depth, num_heads, mlp_dim, num_classes, distilled):
        super().__init__()
        tokens = (img_size // patch_size) ** 2 + (2 if distilled else 1)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        if distilled:
            self.dist_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, embed_dim))
        self.patch_embed = PatchEmbed(patch_size, embed_dim)
        self.blocks = nn.Sequential(*[Block(embed_dim, num_heads, mlp_dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)
        if distilled:
            self.head_dist = nn.Linear(embed_dim, num_classes)

    def forward(self, x):
        x = self.patch_embed(x)
        tokens = [self.cls_token] + ([self.dist_token] if hasattr(self, "dist_token") else [])
        x = torch.cat([token.expand(x.shape[0], -1, -1) for token in tokens] + [x], 1)
        x = self.norm(self.blocks(x + self.pos_embed))
        if len(tokens) == 1:
            return self.head(x[:, 0])
        return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2


DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data[8 + length + begin : 8 + length + end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def compute(path, sizes_path, image_path, count, out):
    with open(sizes_path) as file:
        sizes = json.load(file)
    model = Deit(**sizes).eval()
    if os.path.isdir(path):
        with open(os.path.join(path, "config.json")) as file:
            config = json.load(file)
        if config["num_classes"] != sizes["num_classes"] or len(config["label_names"]) != sizes["num_classes"]:
            sys.exit("config.json: other classes")
        state = read_safetensors(os.path.join(path, "model.safetensors"))
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    model.load_state_dict({name: values.float() for name, values in state.items()}, strict=True)
    size = sizes["img_size"]
    image = torch.from_numpy(np.fromfile(image_path, dtype="<f4")).reshape(int(count), 3, size, size)
    with torch.no_grad():
        model(image).numpy().astype("<f4").tofile(out)


for first in range(1, len(sys.argv), 5):
    compute(*sys.argv[first : first + 5])
