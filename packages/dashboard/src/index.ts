export { type Answer, type Call, type Extension, type Route, refusal } from "./api/route.ts";
export type { RunChanges, RunDetail, RunMetrics, RunSummary, Series } from "./api-types.ts";
export { type Dashboard, type DashboardOptions, startDashboard } from "./server.ts";
export type { StudioState } from "./studio-types.ts";
