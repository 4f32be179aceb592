// Channel: ImageNet's mean and standard deviation per channel, with which every DeiT normalizes.

export function channelMean(channel: i32): f64 {
  return channel === 0 ? 0.485 : channel === 1 ? 0.456 : 0.406;
}

export function channelDeviation(channel: i32): f64 {
  return channel === 0 ? 0.229 : channel === 1 ? 0.224 : 0.225;
}
