export { type Answer, type Call, type Extension, type Route, refusal } from "./api/route.ts";
export type { RunChanges, RunDetail, RunMetrics, RunSummary, Series } from "./api-types.ts";
export type { EvaluationList, MarksReply, SampleAccess, SampleMark } from "./evaluation-types.ts";
export {
  archiveName,
  type ExportReport,
  type Job,
  type JobKind,
  type JobOptions,
  type JobProblem,
  type JobsState,
  jobKinds,
  type Prediction,
  type TrainingCheck,
  type TrainingDecisions,
} from "./job-types.ts";
export { type Dashboard, type DashboardOptions, startDashboard } from "./server.ts";
export * from "./studio-types.ts";
