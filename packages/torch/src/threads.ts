export { getNumThreads, setNumThreads } from "./device.ts";
export { governor, ThreadGovernor, type ThreadGovernorOptions } from "./thread-governor.ts";
