export { type AutocastOptions, autocast, autocastDtype, isAutocastEnabled } from "./autocast.ts";
