export type { MetricsMessage, RunDetail, RunSummary, Series } from "./api.ts";
export { type Dashboard, type DashboardOptions, startDashboard } from "./server.ts";
