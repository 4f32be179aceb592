// Patchify image: image [B,3,S,S] → patches [B,N,3·P·P] in (channel, y, x) order. One invocation for each value of
// the patches.

// #include "element.wgsl"

struct Params {
  count: u32,
  side: u32,
  patchSide: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> image: array<f32>;
@group(0) @binding(2) var<storage, read_write> patches: array<PatchesScalar>;

fn computeElement(i: u32) {
  let perPatch = 3u * p.patchSide * p.patchSide;
  let patchesPerRow = p.side / p.patchSide;
  let patchIndex = i / perPatch;
  let place = patchIndex % (patchesPerRow * patchesPerRow);
  let sample = patchIndex / (patchesPerRow * patchesPerRow);
  let channel = (i % perPatch) / (p.patchSide * p.patchSide);
  let y = (place / patchesPerRow) * p.patchSide + (i / p.patchSide) % p.patchSide;
  let x = (place % patchesPerRow) * p.patchSide + i % p.patchSide;
  patches[i] = PatchesScalar(image[((sample * 3u + channel) * p.side + y) * p.side + x]);
}
