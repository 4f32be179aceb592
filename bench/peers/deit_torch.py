# PyTorch as a peer: a DeiT in plain torch, and peer.ts's protocol on stdin and stdout.
# python3 deit_torch.py forward|train FOLDER BATCH THREADS

import ctypes
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

MIN_CALLS = 2
CHECKED_STEPS = 3
WARM_UP_S = 1.5


def mapped_libraries():
    """Paths of the shared libraries that this process has loaded; none where there is no /proc."""
    try:
        with open("/proc/self/maps") as maps:
            return {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
    except OSError:
        return set()


def refuse_reference_blas():
    """Debian's torch uses whatever libblas.so.3 is; the default, the reference BLAS, is ten times too slow to compare."""
    loaded = mapped_libraries()
    if any("/blas/libblas.so" in path for path in loaded) and not any("openblas" in path for path in loaded):
        sys.exit("error: torch runs on the reference BLAS: apt-get install libopenblas0-pthread")


def backend():
    """PyTorch's version and the CPU kernels that its BLAS chose, such as `OpenBLAS SkylakeX`."""
    blas = "MKL" if torch.backends.mkl.is_available() else "unknown BLAS"
    for path in mapped_libraries():
        if "openblas" not in os.path.basename(path):
            continue
        # numpy's own copy has prefixed names and is not the one that torch calls.
        corename = getattr(ctypes.CDLL(path), "openblas_get_corename", None)
        if corename is not None:
            corename.restype = ctypes.c_char_p
            blas = "OpenBLAS " + corename().decode()
    return "PyTorch %s, %s" % (torch.__version__, blas)


def load(folder):
    with open(os.path.join(folder, "inputs.json")) as file:
        inputs = json.load(file)
    values = np.fromfile(os.path.join(folder, "weights.f32"), dtype="<f4")
    weights, offset = {}, 0
    for name, shape in inputs["weights"]:
        count = int(np.prod(shape))
        weights[name] = torch.from_numpy(values[offset:offset + count].copy()).reshape(shape)
        offset += count
    return inputs["config"], weights


def forward(config, w, image):
    """image [batch, 3, size, size] -> logits of the class head and, for a distilled model, of the distillation head."""
    batch, dim, heads = image.shape[0], config["dim"], config["heads"]
    x = F.conv2d(image, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=config["patchSize"])
    x = x.flatten(2).transpose(1, 2)
    prefix = [w["cls_token"].expand(batch, -1, -1)]
    if config["distilled"]:
        prefix.append(w["dist_token"].expand(batch, -1, -1))
    x = torch.cat(prefix + [x], 1) + w["pos_embed"]
    tokens = x.shape[1]

    def norm(x, name):
        return F.layer_norm(x, (dim,), w[name + ".weight"], w[name + ".bias"], config["layerNormEpsilon"])

    def linear(x, name):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    for index in range(config["depth"]):
        block = "blocks.%d." % index
        qkv = linear(norm(x, block + "norm1"), block + "attn.qkv")
        q, k, v = qkv.reshape(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4).unbind(0)
        if q.is_cuda and hasattr(F, "scaled_dot_product_attention"):
            out = F.scaled_dot_product_attention(q, k, v)
        else:
            out = (q @ k.transpose(-2, -1) * (dim // heads) ** -0.5).softmax(-1) @ v
        out = out.transpose(1, 2).reshape(batch, tokens, dim)
        x = x + linear(out, block + "attn.proj")
        x = x + linear(F.gelu(linear(norm(x, block + "norm2"), block + "mlp.fc1")), block + "mlp.fc2")
    x = norm(x, "norm")
    return linear(x[:, 0], "head"), linear(x[:, 1], "head_dist") if config["distilled"] else None


def forward_call(config, weights, image):
    def call():
        with torch.inference_mode():
            logits, distilled = forward(config, weights, image)
            return logits if distilled is None else (logits + distilled) / 2

    return call(), call


def train_call(config, weights, image, settings):
    """One step as in training-step.ts: soft targets on the class head, AdamW, no average."""
    for weight in weights.values():
        weight.requires_grad_()
    plain = [w for name, w in weights.items() if w.ndim == 1 or name in settings["noDecay"]]
    decayed = [w for name, w in weights.items() if not (w.ndim == 1 or name in settings["noDecay"])]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
        lr=settings["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        weight_decay=settings["weightDecay"],
    )
    classes = config["classes"]
    labels = torch.arange(image.shape[0]) % classes
    smoothing = settings["smoothing"]
    targets = F.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes

    def call():
        optimizer.zero_grad(set_to_none=True)
        logits, _ = forward(config, weights, image)
        loss = -(targets * F.log_softmax(logits, -1)).sum(-1).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return torch.tensor([call() for _ in range(CHECKED_STEPS)]), call


def main():
    mode, folder, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    refuse_reference_blas()
    torch.set_num_threads(threads)
    config, weights = load(folder)
    size = config["imageSize"]
    values = np.fromfile(os.path.join(folder, "image.f32"), dtype="<f4", count=batch * 3 * size * size)
    image = torch.from_numpy(values).reshape(batch, 3, size, size)
    if mode == "forward":
        check, call = forward_call(config, weights, image)
    else:
        with open(os.path.join(folder, "inputs.json")) as file:
            check, call = train_call(config, weights, image, json.load(file)["settings"])
    serve(check.flatten().tolist(), call)


def serve(check, call):
    """peer.ts's protocol."""
    warm = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < warm:
        call()
    print(json.dumps({"ready": check, "backend": backend()}), flush=True)
    for line in sys.stdin:
        budget = json.loads(line)["ms"]
        call()
        spans, end = [], time.perf_counter() + budget / 1000
        while len(spans) < MIN_CALLS or time.perf_counter() < end:
            start = time.perf_counter()
            call()
            spans.append((time.perf_counter() - start) * 1000)
        print(json.dumps({"spans": spans}), flush=True)


if __name__ == "__main__":
    main()
