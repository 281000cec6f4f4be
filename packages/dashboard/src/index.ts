export type { RunChanges, RunDetail, RunMetrics, RunSummary, Series } from "./api-types.ts";
export { type Dashboard, type DashboardOptions, startDashboard } from "./server.ts";
