// Shape of a convolution: the sizes in its instruction, and those that follow from them.

import { ConvolutionSizes } from "./generated/sizes";

export class Shape extends ConvolutionSizes {
  @inline
  outHeight(): usize {
    return <usize>((this.height + 2 * this.padding - this.kernel) / this.stride + 1);
  }

  @inline
  outWidth(): usize {
    return <usize>((this.width + 2 * this.padding - this.kernel) / this.stride + 1);
  }

  @inline
  pixels(): usize {
    return <usize>this.batch * this.outHeight() * this.outWidth();
  }

  /** Channels of a group on either side. */
  @inline
  groupInputs(): usize {
    return <usize>(this.inputs / this.groups);
  }

  @inline
  groupOutputs(): usize {
    return <usize>(this.outputs / this.groups);
  }

  /** Values of a patch of one group. */
  @inline
  depth(): usize {
    return <usize>(this.kernel * this.kernel) * this.groupInputs();
  }
}
