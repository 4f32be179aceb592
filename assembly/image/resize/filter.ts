// Filter: the resampling kernels by name. Read by both compilers; the numbers are Pillow's own.

export enum Filter {
  Nearest = 0,
  Lanczos = 1,
  Bilinear = 2,
  Bicubic = 3,
  Box = 4,
  Hamming = 5,
}
