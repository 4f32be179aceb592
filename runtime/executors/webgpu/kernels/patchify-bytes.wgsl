// Patchify bytes: pixels u8 [B,S,S,3], table [3,256] (value of each byte per channel) → patches [B,N,3·P·P] in
// (channel, y, x) order. Four bytes are read as one little-endian word. One invocation for each value of the patches.

// #include "element.wgsl"

struct Params {
  count: u32,
  side: u32,
  patchSide: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> patches: array<PatchesScalar>;

fn computeElement(i: u32) {
  let perPatch = 3u * p.patchSide * p.patchSide;
  let patchesPerRow = p.side / p.patchSide;
  let patchIndex = i / perPatch;
  let place = patchIndex % (patchesPerRow * patchesPerRow);
  let sample = patchIndex / (patchesPerRow * patchesPerRow);
  let channel = (i % perPatch) / (p.patchSide * p.patchSide);
  let y = (place / patchesPerRow) * p.patchSide + (i / p.patchSide) % p.patchSide;
  let x = (place % patchesPerRow) * p.patchSide + i % p.patchSide;
  let at = ((sample * p.side + y) * p.side + x) * 3u + channel;
  let byte = (pixels[at / 4u] >> (8u * (at % 4u))) & 0xffu;
  patches[i] = PatchesScalar(table[channel * 256u + byte]);
}
