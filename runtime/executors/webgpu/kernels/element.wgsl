// Element: which value an invocation of an element-wise kernel computes. 256 invocations a workgroup; grids wider than
// a dimension may be are folded into rows.

const ELEMENTS = 256u;

fn elementOf(id: vec3u, groups: vec3u) -> u32 {
  return id.x + id.y * groups.x * ELEMENTS;
}
