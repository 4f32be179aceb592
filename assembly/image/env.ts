// Env: what the host gives to the image module.

/** Takes `bytes` bytes at `address`: rows of RGB that follow those of the call before. */
export declare function takeRows(address: usize, bytes: usize): void;
