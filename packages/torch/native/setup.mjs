// What `classifier setup` and `doctor` need, without loading LibTorch.
export { describeAddon, makeAddon, progressLines } from "./build.mjs";
export { installAdvice } from "./install-advice.mjs";
export { locateLibTorch } from "./locate.mjs";
export { BuildError, cacheFolder } from "./place.mjs";
